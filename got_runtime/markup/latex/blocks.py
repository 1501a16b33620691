"""Tokens → elements: the recursive descent over the blocks of an answer."""

from got_runtime.markup import elements as e
from got_runtime.markup.content import Text, plain_text
from got_runtime.markup.latex.code_settings import read_fence, read_listing
from got_runtime.markup.latex.commands import read_command
from got_runtime.markup.latex.element_builder import DocumentBuilder, ParseContext
from got_runtime.markup.latex.environments import add_formula, read_environment
from got_runtime.markup.latex.html_table import read_html_table
from got_runtime.markup.latex.inline import parse_inline
from got_runtime.markup.latex.labels import caption_label
from got_runtime.markup.latex.prose import ONE_WORD, add_prose, read_text
from got_runtime.markup.latex.symbols import BLOCK_COMMANDS
from got_runtime.markup.latex.token_reader import MAX_DEPTH
from got_runtime.markup.latex.tokens import WHOLE, Kind
from got_runtime.markup.notation.geometry import repair_tikz
from got_runtime.markup.notation.music import repair_humdrum

_SKIPPED = frozenset({Kind.SPACE, Kind.NEWLINE, Kind.BLANK})


class BlockParser(DocumentBuilder):
    """Parses a whole answer into :attr:`elements`, in reading order."""

    def parse(self, low: int, high: int, context: ParseContext | None = None) -> None:
        """Appends the blocks of tokens ``low`` to ``high - 1``."""
        context = context or ParseContext()
        if context.depth > MAX_DEPTH:
            self.reader.record_repair("too-deep", "nested too deep: read as one paragraph")
            add_prose(self, low, high, context)
            return
        while low < high:
            low = self._parse_block(low, high, context)

    def _parse_block(self, index: int, high: int, context: ParseContext) -> int:
        """Parses the block at ``index``; returns the index after it, which is always greater."""
        token = self.reader.tokens[index]
        kind = token.kind
        if kind in _SKIPPED:
            return index + 1
        if kind in ONE_WORD:
            return read_text(self, index, high, context)
        if kind is Kind.SPECIAL:
            self.reader.record_repair("special-token", f"stray {token.shown} dropped")
            return index + 1
        if kind is Kind.FORM_FEED:
            self.add_page_break(index)
            return index + 1
        if kind in WHOLE:
            self._add_foreign(index)
            return index + 1
        if kind is Kind.BEGIN:
            return read_environment(self, index, high, context)
        if kind is Kind.END and self.reader.partner[index] < 0:
            self.reader.record_repair("unmatched-end", f"{token.text} had no beginning: dropped")
            return index + 1
        if kind is Kind.OPEN_DISPLAY or kind is Kind.DOLLARS:
            return self._parse_display(index, high)
        if kind is Kind.COMMAND and token.name.rstrip("*") in BLOCK_COMMANDS:
            return read_command(self, index, high, context)
        return read_text(self, index, high, context)

    def _parse_display(self, index: int, high: int) -> int:
        closing = self.reader.closing(index, high)
        end = closing if closing is not None else max(index + 1, min(high, self.reader.paragraph_end[index]))
        if closing is None:
            opener = self.reader.tokens[index].text
            end = next((each for each in range(index + 1, end) if self._begins_block(each)), end)
            self.reader.record_repair("unclosed-math", f"{opener} was never closed: it ends with its paragraph")
        add_formula(self, index, index + 1, end)
        return end if closing is None else closing + 1

    def _begins_block(self, index: int) -> bool:
        token = self.reader.tokens[index]
        return token.kind is Kind.COMMAND and token.name.rstrip("*") in BLOCK_COMMANDS

    def _add_foreign(self, index: int) -> None:
        """A token in another language: a score, a TikZ figure, verbatim text."""
        token = self.reader.tokens[index]
        if token.kind is Kind.HTML_TABLE:
            self._add_html_table(index)
        elif token.kind is Kind.KERN:
            self.add(e.Music, index, humdrum=repair_humdrum(self.reader, token.text))
        elif token.name == "tikzpicture":
            self.add(e.Geometry, index, tikz=repair_tikz(self.reader, token.text))
        elif token.kind is Kind.FENCE:
            listing, closed = read_fence(token.text)
            if not closed:
                message = "fenced code was never closed: it reaches to the end"
                self.reader.record_repair("unclosed-environment", message)
            self.add(e.Code, index, code=listing.code, language=listing.language)
        else:
            opening, closing = f"\\begin{{{token.name}}}", f"\\end{{{token.name}}}"
            if not token.text.endswith(closing):
                self.reader.record_repair("unclosed-environment", f"{opening} was never closed: it reaches to the end")
            listing = read_listing(token.name, token.text)
            if listing.caption:
                self.add(e.Paragraph, index, content=(Text(text=listing.caption),))
            self.add(e.Code, index, code=listing.code.strip("\n"), language=listing.language)
            if listing.caption:
                self.elements[-1].start += len(opening)

    def _add_html_table(self, index: int) -> None:
        """A table in HTML; its caption is the element above it."""
        token = self.reader.tokens[index]
        table = read_html_table(self.reader, token.text, parse_inline)
        label = caption_label(plain_text(table.caption))
        if table.caption:
            self.add(e.Caption, index, of="table", number=label[1] if label else None, content=table.caption)
        self.add(e.Table, index, grid=table.grid)
        if table.caption:
            self.elements[-1].start += max(1, token.text.lower().find("</caption>"))
