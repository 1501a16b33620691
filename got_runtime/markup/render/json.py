"""Elements ↔ JSON, and its schema."""

from collections.abc import Sequence
from typing import Any

from got_runtime.markup.elements import ELEMENTS, AnyElement


def to_json(elements: Sequence[AnyElement], *, indent: int | None = None) -> str:
    """The elements as a JSON array; :func:`from_json` gives them back, :func:`json_schema` says what is in it."""
    return ELEMENTS.dump_json(list(elements), indent=indent).decode()


def from_json(text: str) -> list[AnyElement]:
    """The elements that :func:`to_json` wrote.

    Raises:
        pydantic.ValidationError: ``text`` is no JSON or does not follow the schema.
    """
    return ELEMENTS.validate_json(text)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of what :func:`to_json` writes."""
    return ELEMENTS.json_schema()
