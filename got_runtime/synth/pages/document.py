"""The parts of a formatted page: each writes GOT's markup into the answer and gives the typst source that prints it."""

from dataclasses import dataclass, field

import numpy as np

from got_runtime.synth.pages.answer import TypesetAnswer
from got_runtime.synth.pages.formula_grammar import random_formula
from got_runtime.synth.pages.table import set_random_table
from got_runtime.synth.pages.typeset_words import printable_words, set_inline_formula, set_words
from got_runtime.synth.text import english_words


@dataclass
class DocumentWriter:
    """Writes parts one after another into ``answer``; every method returns the typst source of its part."""

    answer: TypesetAnswer
    rng: np.random.Generator
    noise: float
    numbered: bool = False
    indent: float = 0.0
    sections: int = 0
    subsections: int = 0
    notes: list[int] = field(default_factory=list)
    """Inks of footnote marks whose note is not written yet."""

    def __post_init__(self) -> None:
        self.numbered = bool(self.rng.random() < 0.5)
        self.indent = float(self.rng.choice([0.0, 0.0, 1.5]))

    def head(self) -> str:
        """Title, authors and abstract; each may be missing."""
        if self.rng.random() > 0.45:
            return ""
        source = self.title()
        if self.rng.random() < 0.7:
            source += self.authors()
        if self.rng.random() < 0.5:
            source += self.abstract()
        return source

    def body(self, characters: int, most_columns: int) -> str:
        """Parts until the answer has ``characters``, then the footnotes."""
        source = self.heading() if self.rng.random() < 0.5 else self.paragraph()
        last, tables = "", 0
        headed = self.answer.text.rpartition("\n\n")[2].startswith("\\s")
        while len(self.answer.text) < characters or headed:
            left = characters - len(self.answer.text)
            parts = ["paragraph"] * 5 + ["heading"] * 2 + ["formula"] * 3 + ["list"] * 2 + ["table"] * 2
            part = "paragraph" if headed else parts[int(self.rng.integers(len(parts)))]
            if part == last != "paragraph" or (part == "table" and (tables or left < 100)):
                continue
            headed = part == "heading"
            last = part
            if part == "heading":
                source += self.heading()
            elif part == "formula":
                source += self.formula()
            elif part == "list":
                source += self.list_of_items()
            elif part == "table":
                tables += 1
                source += self.table(most_columns)
            else:
                source += self.paragraph()
        return source + self.footnotes()

    def _part(self) -> None:
        if self.answer.pieces:
            self.answer.space("\n\n")

    def _english(self, least: int, most: int) -> list[str]:
        """Plain words for headings and names, the first capitalised."""
        words, weights = english_words()
        count = int(self.rng.integers(least, most + 1))
        chosen = [words[min(int(np.searchsorted(weights, x)), len(words) - 1)] for x in self.rng.random(count)]
        return [chosen[0].capitalize(), *chosen[1:]]

    def _words(self, characters: int) -> list[str]:
        """Running text that begins with a plain word, so that it cannot be read as a list item or a note."""
        first, *rest = printable_words(self.rng, characters, self.noise)
        return [*self._english(1, 1), first[0].lower() + first[1:] if first.istitle() else first, *rest]

    def title(self) -> str:
        self._part()
        self.answer.opening("\\title{\n")
        words = set_words(self.answer, [w.capitalize() for w in self._english(2, 6)])
        self.answer.closing("\n}")
        return f"#align(center, block(below: 1em, text(size: 1.5em, weight: {self._weight()})[{words}]))\n"

    def _weight(self) -> str:
        return "700" if self.rng.random() < 0.7 else "400"

    def authors(self) -> str:
        self._part()
        self.answer.opening("\\author{\n")
        names = []
        for _ in range(int(self.rng.integers(1, 4))):
            first, last = (w.capitalize() for w in self._english(2, 2))
            names.append([first if self.rng.random() < 0.6 else first[0] + ".", last])
        words = [word for name in names for word in [*name[:-1], name[-1] + ","]]
        words[-1] = words[-1].removesuffix(",")
        printed = set_words(self.answer, words)
        self.answer.closing("\n}")
        return f"#align(center, block(below: 1.2em)[{printed}])\n"

    def abstract(self) -> str:
        self._part()
        label = self.answer.symbol("\\begin{abstract}\n", printed="Abstract")
        printed = self._sentence(int(self.rng.integers(60, 160)))
        self.answer.closing("\n\\end{abstract}")
        return (
            f'#align(center, block(below: 0.6em, text(weight: 700)[#c({label}, "Abstract")]))\n'
            f"#pad(x: 1.6em, bottom: 0.6em)[{printed}]\n"
        )

    def heading(self) -> str:
        self._part()
        below = self.sections > 0 and self.rng.random() < 0.4
        words = self._english(1, 4)
        if below:
            self.subsections += 1
            number, size = f"{self.sections}.{self.subsections}", 1.0
        else:
            self.sections, self.subsections = self.sections + 1, 0
            number, size = str(self.sections), 1.25
        self.answer.opening("\\subsection*{" if below else "\\section*{")
        printed = set_words(self.answer, [number, *words] if self.numbered else words)
        self.answer.closing("}")
        return f"#block(above: 1.3em, below: 0.8em, text(size: {size}em, weight: 700)[{printed}])\n"

    def paragraph(self) -> str:
        self._part()
        printed = self._sentence(int(self.rng.integers(40, 200)), notes=True)
        return f"#block(width: 100%)[#h({self.indent}em){printed}]\n"

    def _sentence(self, characters: int, notes: bool = False) -> str:
        """Running text with inline formulas; it begins with a word and ends with a full stop."""
        words = self._words(characters)
        formulas = 0.05 if self.rng.random() < 0.5 else 0.0
        note = int(self.rng.integers(len(words))) if notes and not self.notes and self.rng.random() < 0.15 else -1
        source = []
        for index, word in enumerate(words):
            if index:
                self.answer.space()
            if index and self.rng.random() < formulas:
                source.append(set_inline_formula(self.answer, self.rng, 12))
                self.answer.space()
            last = index == len(words) - 1
            printed = set_words(self.answer, [word.rstrip(",;:.") + "." if last else word])
            if index == note:
                ink = self.answer.symbol("\\({ }^{1}\\)", "1")
                self.notes.append(ink)
                printed += f'#super(typographic: false)[#c({ink}, "1")]'
            source.append(printed)
        return " ".join(source)

    def formula(self) -> str:
        self._part()
        self.answer.opening("\\[ ")
        mathematics = random_formula(self.rng, 8, 32).write(self.answer)
        self.answer.closing(" \\]")
        return f"$ {mathematics} $\n"

    def list_of_items(self) -> str:
        self._part()
        ordered = self.rng.random() < 0.4
        name = "enumerate" if ordered else "itemize"
        bullet = ("•", "–", "◦")[int(self.rng.choice(3, p=[0.8, 0.1, 0.1]))]
        rows = []
        self.answer.opening(f"\\begin{{{name}}}")
        for number in range(1, int(self.rng.integers(2, 5)) + 1):
            self.answer.opening("\n")
            label = f"{number}." if ordered else bullet
            ink = self.answer.symbol("\\item ", printed=label) if ordered else self.answer.symbol("\\item ", "\\item")
            words = self._words(int(self.rng.integers(5, 50)))
            rows.append(f'[#c({ink}, "{label}")], [{set_words(self.answer, words)}],')
        self.answer.closing(f"\n\\end{{{name}}}")
        return (
            "#pad(left: 1em, grid(columns: (auto, 1fr), column-gutter: 0.6em, row-gutter: 0.75em, "
            + " ".join(rows)
            + "))\n"
        )

    def table(self, most_columns: int) -> str:
        self._part()
        source = set_random_table(self.answer, self.rng, self.noise, most_rows=4, most_columns=most_columns)
        return f"#align(center, block(breakable: false)[{source}])\n"

    def footnotes(self) -> str:
        if not self.notes:
            return ""
        self._part()
        self.answer.opening("\\footnotetext{\n")
        ink = self.answer.symbol("\\({ }^{1}\\) ", "1")
        words = self._words(int(self.rng.integers(20, 80)))
        printed = set_words(self.answer, words)
        self.answer.closing("\n}")
        return (
            "#block(above: 1.5em, below: 0.5em, line(length: 30%, stroke: 0.6pt))\n"
            f'#text(size: 0.9em)[#super(typographic: false)[#c({ink}, "1")]{printed}]\n'
        )
