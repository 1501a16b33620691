"""GOT-OCR2.0 as a library: a page goes in, its text comes out."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from got_runtime.errors import GotError
    from got_runtime.results import DocumentResult, PageResult
    from got_runtime.runtime import GotRuntime
    from got_runtime.tasks import Box, Color, Formatted, Pages, Plain, Tiles

__version__ = "0.1.0"

_HOMES = {
    "GotRuntime": "runtime",
    "GotError": "errors",
    "DocumentResult": "results",
    "PageResult": "results",
    **dict.fromkeys(("Box", "Color", "Formatted", "Pages", "Plain", "Tiles"), "tasks"),
}

__all__ = [
    "Box",
    "Color",
    "DocumentResult",
    "Formatted",
    "GotError",
    "GotRuntime",
    "PageResult",
    "Pages",
    "Plain",
    "Tiles",
    "__version__",
]


def __getattr__(name: str) -> object:
    # Names are fetched when they are used: pydantic and torch stay out of `got-ocr --help`.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"got_runtime.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'got_runtime' has no attribute {name!r}")
