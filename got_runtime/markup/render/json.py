"""Elements ↔ JSON, and its schema."""

from collections.abc import Sequence
from typing import Any

from got_runtime.markup.elements import ELEMENTS, AnyElement


def to_json(elements: Sequence[AnyElement], *, indent: int | None = None) -> str:
    """The elements as a JSON array (see :func:`json_schema`), which :func:`from_json` reads."""
    return ELEMENTS.dump_json(list(elements), indent=indent).decode()


def from_json(text: str) -> list[AnyElement]:
    """The elements of a JSON array that :func:`to_json` wrote.

    Raises:
        pydantic.ValidationError: ``text`` is not JSON or does not follow the schema.
    """
    return ELEMENTS.validate_json(text)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the output of :func:`to_json`."""
    return ELEMENTS.json_schema()
