"""Tokens → elements: the recursive descent over the blocks of an answer."""

from got_runtime.markup import elements as e
from got_runtime.markup.latex.commands import read_command
from got_runtime.markup.latex.element_builder import Drafts, Place
from got_runtime.markup.latex.environments import add_formula, read_environment
from got_runtime.markup.latex.prose import add_prose, read_text
from got_runtime.markup.latex.symbols import BLOCK_COMMANDS
from got_runtime.markup.latex.token_reader import MAX_DEPTH
from got_runtime.markup.latex.tokens import WHOLE, Kind
from got_runtime.markup.notation.geometry import mend_tikz
from got_runtime.markup.notation.music import mend_humdrum

_SKIPPED = frozenset({Kind.SPACE, Kind.NEWLINE, Kind.BLANK})


class Blocks(Drafts):
    """Reads the whole answer into :attr:`drafts`, in reading order."""

    def read(self, low: int, high: int, place: Place | None = None) -> None:
        """The blocks of tokens ``low`` to ``high - 1``."""
        place = place or Place()
        if place.depth > MAX_DEPTH:
            self.reader.mend("too-deep", "nested too deep: read as one paragraph")
            add_prose(self, low, high, place)
            return
        while low < high:
            low = self._read_block(low, high, place)

    def _read_block(self, index: int, high: int, place: Place) -> int:
        """Reads the block at ``index``; the index after it, always further on."""
        token = self.reader.tokens[index]
        kind = token.kind
        if kind in _SKIPPED:
            return index + 1
        if kind is Kind.SPECIAL:
            self.reader.mend("special-token", f"stray {token.text} dropped")
            return index + 1
        if kind is Kind.FORM_FEED:
            self.add_page_break(index)
            return index + 1
        if kind in WHOLE:
            self._read_whole(index)
            return index + 1
        if kind is Kind.BEGIN:
            return read_environment(self, index, high, place)
        if kind is Kind.END and self.reader.partner[index] < 0:
            self.reader.mend("unmatched-end", f"{token.text} had no beginning: dropped")
            return index + 1
        if kind is Kind.OPEN_DISPLAY or kind is Kind.DOLLARS:
            return self._read_display(index, high)
        if kind is Kind.COMMAND and token.name.rstrip("*") in BLOCK_COMMANDS:
            return read_command(self, index, high, place)
        return read_text(self, index, high, place)

    def _read_display(self, index: int, high: int) -> int:
        closing = self.reader.closing(index, high)
        end = closing if closing is not None else max(index + 1, min(high, self.reader.paragraph_end[index]))
        if closing is None:
            opener = self.reader.tokens[index].text
            self.reader.mend("unclosed-math", f"{opener} was never closed: it ends with its paragraph")
        add_formula(self, index, index + 1, end)
        return end if closing is None else closing + 1

    def _read_whole(self, index: int) -> None:
        """A token whose inside is another language: a score, a figure in TikZ, verbatim text."""
        token = self.reader.tokens[index]
        if token.kind is Kind.KERN:
            self.add(e.Music, index, humdrum=mend_humdrum(self.reader, token.text))
        elif token.name == "tikzpicture":
            self.add(e.Geometry, index, tikz=mend_tikz(self.reader, token.text))
        elif token.kind is Kind.FENCE:
            code, language = self._read_fence(token.text)
            self.add(e.Code, index, code=code, language=language)
        else:
            opening, closing = f"\\begin{{{token.name}}}", f"\\end{{{token.name}}}"
            if not token.text.endswith(closing):
                self.reader.mend("unclosed-environment", f"{opening} was never closed: it reaches to the end")
            self.add(e.Code, index, code=token.text.removeprefix(opening).removesuffix(closing).strip("\n"))

    def _read_fence(self, text: str) -> tuple[str, str | None]:
        """The code between two fences, and the language that the first one names."""
        first, _, rest = text.partition("\n")
        language = first.strip("`").strip().split(" ")[0]
        code, closing, _ = rest.rpartition("\n```")
        if not closing:
            if not rest.startswith("```"):
                self.reader.mend("unclosed-environment", "fenced code was never closed: it reaches to the end")
            code = rest.removeprefix("```")
        return code, language or None
