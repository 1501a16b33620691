"""Runs the GOT-OCR2.0 model: reads images and PDF files and returns the text of their pages."""

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

_MODULES = {
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
    # Public names are imported on first use: importing pydantic and torch would slow down `got-ocr --help`.
    if name in _MODULES:
        from importlib import import_module

        return getattr(import_module(f"got_runtime.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'got_runtime' has no attribute {name!r}")
