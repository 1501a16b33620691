"""GOT-OCR2.0 as a library: a page goes in, its text comes out."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from got_runtime.engine.registry import EngineConfig
    from got_runtime.errors import GotError
    from got_runtime.options import ReadOptions
    from got_runtime.results import DocumentResult, PageResult
    from got_runtime.runtime import GotRuntime
    from got_runtime.sources.limits import Limits
    from got_runtime.tasks import Box, Color, Formatted, MultiPage, Plain, Tiles

__version__ = "0.1.0"

_HOMES = {
    "EngineConfig": "engine.registry",
    "GotError": "errors",
    "GotRuntime": "runtime",
    "DocumentResult": "results",
    "Limits": "sources.limits",
    "PageResult": "results",
    "ReadOptions": "options",
    **dict.fromkeys(("Box", "Color", "Formatted", "MultiPage", "Plain", "Tiles"), "tasks"),
}

__all__ = [
    "Box",
    "Color",
    "DocumentResult",
    "EngineConfig",
    "Formatted",
    "GotError",
    "GotRuntime",
    "Limits",
    "MultiPage",
    "PageResult",
    "Plain",
    "ReadOptions",
    "Tiles",
    "__version__",
]


def __getattr__(name: str) -> object:
    # Names are fetched when they are used: pydantic and torch stay out of `got-ocr --help`.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"got_runtime.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'got_runtime' has no attribute {name!r}")
