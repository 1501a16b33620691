"""Where a table in HTML begins and ends in an answer."""

import re

_WRAPPERS = r"(?:<(?:html|body|div|center)(?:\s[^<>]{0,300})?>\s{0,20}){0,4}"
_BEGIN = re.compile(
    _WRAPPERS + r"<table(?:\s[^<>]{0,2000})?>\s{0,200}<(?:caption|col|colgroup|thead|tbody|tfoot|tr|th|td)\b",
    re.IGNORECASE,
)
_WRAPPER_ENDS = re.compile(r"(?:\s{0,20}</(?:html|body|div|center)>){0,4}", re.IGNORECASE)
# A tag of a table, or a paragraph that has no tag. One search for both goes no further than the table.
_TABLE_OR_TEXT = re.compile(r"<(/?)table\b[^<>]*>|(\n[ \t]*\n(?=[^<\s][^<\n]*(?:\n|\Z))|<\|)", re.IGNORECASE)


def html_table_end(text: str, position: int) -> int | None:
    """The index after the table in HTML that begins at ``position``; None if none does.

    A table that is never closed ends before the next paragraph that has no tag.
    """
    if _BEGIN.match(text, position) is None:
        return None
    depth = 0
    for found in _TABLE_OR_TEXT.finditer(text, position):
        if found[2]:
            return found.start()
        depth += -1 if found[1] else 1
        if not depth:
            wrapped = _WRAPPER_ENDS.match(text, found.end())
            return wrapped.end() if wrapped else found.end()
    return len(text)
