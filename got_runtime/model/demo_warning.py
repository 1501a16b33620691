"""The warning that got-nano was loaded. It points at the user's line, not at a line of a loader or its framework."""

import inspect
import warnings
from functools import cache

from got_runtime.errors import DemoModelWarning

__all__ = ["warn_of_demo_model"]

_LIBRARIES = frozenset(
    {
        *("got_runtime", "got_loaders", "pymupdf4llm", "pymupdf"),
        *("langchain_core", "langchain_classic", "langchain_community", "llama_index", "haystack", "asyncio"),
    }
)
"""Packages whose frames may stand between the user's line and the loading of the weights."""


@cache  # so that it is issued once a process
def warn_of_demo_model() -> None:
    """Issue a DemoModelWarning; the filter ``error`` makes it an exception, which is raised again by the next call."""
    level, frame = 1, inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _LIBRARIES:
        level, frame = level + 1, frame.f_back
    warnings.warn(
        "got-nano is a demonstration network for trying the package and for tests: it reads printed English in clear "
        "type; for real documents load the official weights, 'stepfun-ai/GOT-OCR-2.0-hf'",
        DemoModelWarning,
        stacklevel=level,
    )
