"""Repair of TikZ figures: punctuation, braces, environment (:mod:`~got_runtime.markup.notation.tikz` draws them)."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from got_runtime.markup.latex.token_reader import TokenReader

# The official demo translates the first two characters; the model also writes the others.
_FULLWIDTH = str.maketrans("，。；：（）［］｛｝＝－＋＜＞", ",.;:()[]{}=-+<>")
_END = "\\end{tikzpicture}"


def repair_tikz(reader: "TokenReader", text: str) -> str:
    """The figure with ASCII punctuation, balanced braces and a closed environment."""
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
