"""Geometric figures: TikZ with its punctuation and braces mended; :mod:`~got_runtime.markup.notation.tikz` draws it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from got_runtime.markup.latex.token_reader import TokenReader

# The official demo translates the first two; the model writes the others as well.
_FULLWIDTH = str.maketrans("，。；：（）［］｛｝＝－＋＜＞", ",.;:()[]{}=-+<>")
_END = "\\end{tikzpicture}"


def repair_tikz(reader: "TokenReader", text: str) -> str:
    """The picture with ASCII punctuation, its braces balanced and its environment closed."""
    ascii_text = text.translate(_FULLWIDTH)
    if ascii_text != text:
        reader.record_repair("fullwidth", "full-width punctuation in TikZ: made ASCII")
    body = ascii_text.strip()
    if body.endswith(_END):
        body = body.removesuffix(_END)
    else:
        reader.record_repair("unclosed-environment", "\\begin{tikzpicture} was never closed: closed")
    depth, kept = 0, []
    for character in body:
        depth += character == "{"
        if character == "}":
            if not depth:
                reader.record_repair("unbalanced-brace", "a closing brace in TikZ had no opening one: dropped")
                continue
            depth -= 1
        kept.append(character)
    if depth:
        reader.record_repair("unbalanced-brace", "a brace in TikZ was never closed: closed")
    return "".join(kept).rstrip() + "}" * depth + "\n" + _END
