"""Exact match for answers that mean something beyond their characters: is it the same molecule, score, figure, data?"""

import math
import re
import unicodedata
from collections.abc import Callable
from typing import Any

from got_runtime.errors import MissingExtra
from got_runtime.markup import parse

__all__ = ["KINDS", "same_chart", "same_formula", "same_geometry", "same_molecule", "same_music"]


def same_molecule(prediction: str, reference: str) -> bool:
    """Whether both are the same molecule: equal canonical SMILES by RDKit, equal SMILES where it is not installed."""
    read, true = _smiles(prediction), _smiles(reference)
    if read == true:
        return True
    try:
        from got_runtime.markup.notation.molecule import structure

        read_structure, true_structure = structure(read), structure(true)
    except MissingExtra:
        return False
    if read_structure is None or true_structure is None:
        return False
    return read_structure.canonical == true_structure.canonical


def same_music(prediction: str, reference: str) -> bool:
    """Whether both are the same ``**kern`` records: comments, empty lines and the kind of white space do not count."""
    return _records(prediction) == _records(reference)


def same_geometry(prediction: str, reference: str) -> bool:
    """Whether both are the same TikZ code: white space and fullwidth punctuation do not count."""
    return _without_space(unicodedata.normalize("NFKC", prediction)) == _without_space(
        unicodedata.normalize("NFKC", reference)
    )


def same_formula(prediction: str, reference: str) -> bool:
    r"""Whether both are the same LaTeX: delimiters and white space do not count, ``\to p`` is not ``\top``."""
    return _latex(prediction) == _latex(reference)


def same_chart(prediction: str, reference: str) -> bool:
    """Whether both hold the same data: the order of keys does not count, ``1`` is ``1.0`` is ``"1"``."""
    read, true = _data(prediction), _data(reference)
    return read is not None and true is not None and _equal(read, true)


KINDS: dict[str, Callable[[str, str], bool]] = {
    "molecule": same_molecule,
    "music": same_music,
    "geometry": same_geometry,
    "formula": same_formula,
    "chart": same_chart,
}
"""Comparisons by kind of page."""

_DELIMITERS = re.compile(r"\\[\[\]()]|\$+")
_SPACE_AFTER_COMMAND = re.compile(r"(\\[A-Za-z]+)\s+(?=[A-Za-z])")


def _smiles(text: str) -> str:
    return _without_space(text).removeprefix("<smiles>").removesuffix("</smiles>")


def _records(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("!")]


def _without_space(text: str) -> str:
    return "".join(text.split())


def _latex(text: str) -> str:
    bare = _DELIMITERS.sub(" ", text)
    return _without_space(_SPACE_AFTER_COMMAND.sub(r"\1{}", bare))


def _data(text: str) -> Any:
    return next((element.value for element in parse(text) if element.kind == "chart"), None)


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        ones, others = ({key.strip(): value for key, value in each.items()} for each in (one, other))
        return ones.keys() == others.keys() and all(_equal(ones[key], others[key]) for key in ones)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    numbers = _number(one), _number(other)
    if numbers[0] is not None and numbers[1] is not None:
        return math.isclose(numbers[0], numbers[1], rel_tol=1e-9)
    return " ".join(str(one).split()) == " ".join(str(other).split())


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
