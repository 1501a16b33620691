"""Tokens → elements: headings, paragraphs, lists, floats, formulas; the recursive descent over environments."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from got_runtime.markup import elements as e
from got_runtime.markup.content import Content
from got_runtime.markup.formula import FORMULA_ENVIRONMENTS, read_display
from got_runtime.markup.geometry import mend_tikz
from got_runtime.markup.inline import parse_inline, plain
from got_runtime.markup.labels import caption_label, footnote_mark, heading_number, reference_key, without_prefix
from got_runtime.markup.lines import LineStart, line_start
from got_runtime.markup.music import mend_humdrum
from got_runtime.markup.reader import MAX_DEPTH, Reader
from got_runtime.markup.table import read_pipe_table
from got_runtime.markup.tabular import parse_tabular
from got_runtime.markup.tokens import TABULARS, Kind

SECTIONS = {
    "title": 1,
    "part": 1,
    "chapter": 1,
    "section": 2,
    "subsection": 3,
    "subsubsection": 4,
    "paragraph": 5,
    "subparagraph": 6,
}
_LISTS = frozenset({"itemize", "enumerate", "description"})
_FLOATS = {"table": "table", "figure": "figure", "wrapfigure": "figure", "wraptable": "table", "sidewaystable": "table"}
_BIBLIOGRAPHIES = frozenset({"references", "bibliography", "literature", "literature cited", "参考文献"})
_PAGE_ENDS = frozenset({"newpage", "pagebreak", "clearpage"})
_COMMANDS = frozenset(
    {"author", "caption", "footnotetext", "includegraphics", "item", "bibitem", "captionof", *_PAGE_ENDS, *SECTIONS}
)
_WHOLE = frozenset({Kind.RAW, Kind.FENCE, Kind.KERN})

Fields = dict[str, Any]


@dataclass
class Draft:
    """An element whose end is not known yet: it reaches to where the next one starts."""

    build: Callable[..., e.AnyElement]
    start: int
    fields: Fields
    warnings: tuple[e.Mend, ...] = ()


@dataclass(frozen=True)
class _Place:
    """Where in the page the parser is: what a paragraph is called here, and how deep."""

    depth: int = 0
    role: type[e.Paragraph] | type[e.Abstract] = e.Paragraph
    float: str | None = None
    list_depth: int = 0


@dataclass
class Blocks:
    """Reads the whole answer into :attr:`drafts`, in reading order."""

    reader: Reader
    drafts: list[Draft] = field(default_factory=list)
    _indents: list[int] = field(default_factory=list)
    _in_references: bool = False
    _page: int = 1

    def read(self, low: int, high: int, place: _Place | None = None) -> None:
        """The blocks of tokens ``low`` to ``high - 1``."""
        place = place or _Place()
        if place.depth > MAX_DEPTH:
            self.reader.mend("too-deep", "nested too deep: read as one paragraph")
            self._prose(low, high, place)
            return
        while low < high:
            low = self._block(low, high, place)

    def _add(self, build: Callable[..., Any], index: int, **fields: Any) -> None:
        self.drafts.append(Draft(build, self.reader.tokens[index].start, fields, self.reader.take_mends()))

    def _block(self, index: int, high: int, place: _Place) -> int:
        """Reads the block at ``index``; the index after it, always further on."""
        token = self.reader.tokens[index]
        kind = token.kind
        if kind in _SKIPPED:
            if kind is Kind.SPECIAL:
                self.reader.mend("special-token", f"stray {token.text} dropped")
            elif kind is Kind.FORM_FEED:
                self._page += 1
                self._add(e.PageBreak, index, number=self._page)
            return index + 1
        if kind in _WHOLE:
            self._whole(index)
            return index + 1
        if kind is Kind.BEGIN:
            before = len(self.drafts)
            after = self._environment(index, high, place)
            if len(self.drafts) > before:  # \\begin{abstract} belongs to the abstract, not to what stands above
                self.drafts[before].start = token.start
            return after
        if kind is Kind.END and self.reader.partner[index] < 0:
            self.reader.mend("unmatched-end", f"{token.text} had no beginning: dropped")
            return index + 1
        if kind is Kind.OPEN_DISPLAY or kind is Kind.DOLLARS:
            return self._display(index, high)
        if kind is Kind.COMMAND and token.name.rstrip("*") in _COMMANDS:
            return self._command(index, high, place)
        start = line_start(self.reader, index)
        if start is not None and start.kind != "reference" and not place.list_depth:
            return self._line(index, high, start, place)
        return self._paragraph(index, high, place)

    def _whole(self, index: int) -> None:
        token = self.reader.tokens[index]
        if token.kind is Kind.KERN:
            self._add(e.Music, index, humdrum=mend_humdrum(self.reader, token.text))
        elif token.name == "tikzpicture":
            self._add(e.Geometry, index, tikz=mend_tikz(self.reader, token.text))
        elif token.kind is Kind.FENCE:
            first, _, rest = token.text.partition("\n")
            language = first.strip("`").strip().split(" ")[0]
            closed = rest.rpartition("\n```")
            if not closed[1] and not rest.startswith("```"):
                self.reader.mend("unclosed-environment", "fenced code was never closed: it reaches to the end")
            code = closed[0] if closed[1] else rest.removeprefix("```")
            self._add(e.Code, index, code=code, language=language or None)
        else:
            opening, closing = f"\\begin{{{token.name}}}", f"\\end{{{token.name}}}"
            if not token.text.endswith(closing):
                self.reader.mend("unclosed-environment", f"{opening} was never closed: it reaches to the end")
            self._add(e.Code, index, code=token.text.removeprefix(opening).removesuffix(closing).strip("\n"))

    def _environment(self, index: int, high: int, place: _Place) -> int:
        """Reads the environment that begins at ``index``."""
        reader, token = self.reader, self.reader.tokens[index]
        name, closing = token.name, reader.closing(index, high)
        paragraph_end = max(index + 1, min(high, reader.paragraph_end[index]))
        end = closing if closing is not None else paragraph_end
        after = end if closing is None else closing + 1
        deeper = place.depth + 1
        if name in TABULARS:
            if closing is None:
                reader.mend("unclosed-environment", f"\\begin{{{name}}} was never closed: it ends with its paragraph")
            self._add(e.Table, index, grid=parse_tabular(reader, index, end))
            return after
        if name in FORMULA_ENVIRONMENTS:
            if closing is None:
                reader.mend("unclosed-environment", f"\\begin{{{name}}} was never closed: it ends with its paragraph")
            self._formula(index, index + 1, end, name)
            return after
        if closing is None:
            reader.mend("unclosed-environment", f"\\begin{{{name}}} was never closed: dropped")
            if name not in _LISTS:
                return index + 1
            end = after = high
        if name in _LISTS:
            inner = _Place(deeper, place.role, place.float, place.list_depth + 1)
            self._list(index + 1, end, inner, ordered=name == "enumerate")
        elif name == "thebibliography":
            width = reader.argument(index + 1, end)
            self._bibliography(width[1] if width else index + 1, end, _Place(deeper))
        elif name.rstrip("*") in _FLOATS:
            self._float(index, end, _Place(deeper, place.role, _FLOATS[name.rstrip("*")]))
        else:
            role = e.Abstract if name == "abstract" else place.role
            option = reader.option(index + 1, end)
            self.read(option[1] if option else index + 1, end, _Place(deeper, role, place.float, place.list_depth))
        return after

    def _float(self, index: int, end: int, place: _Place) -> None:
        before = len(self.drafts)
        option = self.reader.option(index + 1, end)
        self.read(option[1] if option else index + 1, end, place)
        shown = {draft.build for draft in self.drafts[before:]}
        if place.float == "figure" and not shown & {e.Figure, e.Table, e.Geometry, e.Chart, e.Code}:
            at = Draft(e.Figure, self.reader.tokens[index].start, {})
            self.drafts.insert(before, at)

    def _list(self, low: int, end: int, place: _Place, *, ordered: bool) -> None:
        number, index = 0, low
        while index < end:
            token = self.reader.tokens[index]
            if token.kind is not Kind.COMMAND or token.name not in ("item", "bibitem"):
                following = self._next_item(index, end)
                self.read(index, following, _Place(place.depth, place.role, place.float))
                index = following
                continue
            number += 1
            option = self.reader.option(index + 1, end)
            start = option[1] if option else index + 1
            following = self._next_item(start, end)
            label = plain(parse_inline(self.reader, *option[0])) if option else None
            fields: Fields = {"depth": place.list_depth - 1, "ordered": ordered and not label, "label": label}
            if fields["ordered"]:
                fields["number"] = number
            self._item(index, start, following, place, fields)
            index = following

    def _item(self, index: int, low: int, high: int, place: _Place, fields: Fields) -> None:
        """The first lines are the item; what is no text in it (a formula, a list inside) follows as its own."""
        low = self.reader.skip_spaces(low, high)
        end = self._text_end(low, high, _Place(place.depth, list_depth=1)) if low < high else low
        self._add(e.ListItem, index, content=parse_inline(self.reader, low, end, place.depth), **fields)
        self.drafts[-1].warnings += self.reader.take_mends()
        self.read(end, high, place)

    def _next_item(self, index: int, end: int) -> int:
        while index < end:
            token = self.reader.tokens[index]
            if token.kind is Kind.COMMAND and token.name in ("item", "bibitem"):
                return index
            index = self.reader.after(index, end)
        return end

    def _bibliography(self, index: int, end: int, place: _Place) -> None:
        while (start := self._next_item(index, end)) < end:
            option = self.reader.option(start + 1, end)
            argument = self.reader.argument(option[1] if option else start + 1, end)
            index = argument[1] if argument else start + 1
            key = self.reader.source(*(argument or option or ((0, 0), 0))[0]).strip() or None
            following = self._next_item(index, end)
            self._add(e.Reference, start, key=key, content=parse_inline(self.reader, index, following, place.depth))
            self.drafts[-1].warnings += self.reader.take_mends()
            index = following

    def _display(self, index: int, high: int) -> int:
        closing = self.reader.closing(index, high)
        end = closing if closing is not None else max(index + 1, min(high, self.reader.paragraph_end[index]))
        if closing is None:
            opener = self.reader.tokens[index].text
            self.reader.mend("unclosed-math", f"{opener} was never closed: it ends with its paragraph")
        self._formula(index, index + 1, end)
        return end if closing is None else closing + 1

    def _formula(self, index: int, low: int, high: int, environment: str = "") -> None:
        latex, number, label = read_display(self.reader, low, high, environment)
        if latex or number:
            self._add(e.Formula, index, latex=latex, number=number, label=label)

    def _command(self, index: int, high: int, place: _Place) -> int:
        reader = self.reader
        name = reader.tokens[index].name.rstrip("*")
        if name in _PAGE_ENDS:
            self._page += 1
            self._add(e.PageBreak, index, number=self._page)
            return index + 1
        if name in ("item", "bibitem"):  # outside any list: the environment was lost
            following = min(self._next_item(index + 1, high), max(index + 1, reader.paragraph_end[index]), high)
            self._item(index, index + 1, following, _Place(place.depth + 1), {})
            return following
        option = reader.option(index + 1, high)
        after = option[1] if option else index + 1
        if name == "captionof":
            kind = reader.argument(after, high)
            after = kind[1] if kind else after
        argument = reader.argument(after, high)
        if argument is None:
            return max(after, index + 1)
        (low, end), after = argument
        if name == "includegraphics":
            self._add(e.Figure, index, source=reader.source(low, end).strip() or None)
            return after
        content = parse_inline(reader, low, end, place.depth)
        if name in SECTIONS:
            self._heading(index, SECTIONS[name], content)
        elif name == "author":
            self._add(e.Author, index, content=content)
        elif name == "footnotetext":
            mark = reader.source(*option[0]).strip() if option else None
            if not mark:
                mark, content = footnote_mark(content)
            self._add(e.Footnote, index, mark=mark or None, content=content)
        else:
            label = caption_label(plain(content))
            of = place.float or (label[0] if label else "table")
            self._add(e.Caption, index, of=of, number=label[1] if label else None, content=content)
        return after

    def _heading(self, index: int, level: int, content: Content) -> None:
        title = plain(content)
        self._in_references = title.strip().rstrip(":").lower() in _BIBLIOGRAPHIES
        self._add(e.Heading, index, level=level, number=heading_number(title), content=content)

    def _line(self, index: int, high: int, start: LineStart, place: _Place) -> int:
        """A line that Markdown would give a meaning: a heading, a list item, a picture, a table of pipes."""
        if start.kind == "table":
            found = read_pipe_table(self.reader, index, high)
            if found is not None:
                self._add(e.Table, index, grid=found[0])
                return found[1]
            return self._paragraph(index, high, place)
        low = min(start.after, high)
        if start.kind == "figure":
            self._add(e.Figure, index, source=start.source, alt=start.alt)
            return low
        low = self.reader.skip_spaces(low, high) if start.kind == "heading" else low
        end = self._text_end(low, high, place, one_line=start.kind == "heading", item=True)
        content = parse_inline(self.reader, low, end, place.depth)
        if start.kind == "heading":
            self._heading(index, start.level, content)
        elif self._in_references and start.number is not None:
            self._add(e.Reference, index, key=str(start.number), content=content)
        else:
            depth = self._indent(start.indent)
            ordered = start.number is not None
            self._add(e.ListItem, index, depth=depth, ordered=ordered, number=start.number, content=content)
        return max(end, index + 1)

    def _indent(self, indent: int) -> int:
        if not self.drafts or self.drafts[-1].build is not e.ListItem:
            self._indents.clear()
        while self._indents and indent < self._indents[-1]:
            self._indents.pop()
        if not self._indents or indent > self._indents[-1] + 1:
            self._indents.append(indent)
        return len(self._indents) - 1

    def _paragraph(self, index: int, high: int, place: _Place) -> int:
        end = max(index + 1, self._text_end(index, high, place))
        self._prose(index, end, place)
        return end

    def _prose(self, low: int, high: int, place: _Place) -> None:
        content = parse_inline(self.reader, low, high, place.depth)
        if not content:
            return
        words = plain(content[:1])
        label = caption_label(words) if place.role is e.Paragraph else None
        key = reference_key(words) if self._in_references else None
        only = content[0] if len(content) == 1 else None
        if only is not None and only.kind == "math":
            self._add(e.Formula, low, latex=only.latex, display=False)
        elif only is not None and only.kind == "smiles":
            self._add(e.Molecule, low, smiles=only.smiles)
        elif key is not None:
            self._add(e.Reference, low, key=key, content=without_prefix(content, f"[{key}]"))
        elif label is not None:
            self._add(e.Caption, low, of=label[0], number=label[1], content=content)
        else:
            self._add(place.role, low, content=content)

    def _text_end(self, index: int, high: int, place: _Place, *, one_line: bool = False, item: bool = False) -> int:
        """Where the text that starts at ``index`` gives way to another block or, outside a list, to an empty line."""
        reader = self.reader
        while index < high:
            token = reader.tokens[index]
            kind = token.kind
            if kind is Kind.FORM_FEED or kind in _WHOLE or kind is Kind.OPEN_DISPLAY or kind is Kind.DOLLARS:
                return index
            if kind is Kind.BLANK and not place.list_depth:
                return index
            if kind is Kind.BEGIN:
                return index
            if kind is Kind.COMMAND and token.name.rstrip("*") in _COMMANDS:
                return index
            if kind is Kind.NEWLINE and index + 1 < high and not place.list_depth:
                if one_line:
                    return index
                start = line_start(reader, index + 1)
                if start is not None and (item or self._in_references or start.interrupts):
                    return index
            index = reader.after(index, high)
        return high


_SKIPPED = frozenset({Kind.SPACE, Kind.NEWLINE, Kind.BLANK, Kind.SPECIAL, Kind.FORM_FEED})
