"""How a loader reads: the settings every adapter shares, and the passages they lead to, one page at a time."""

import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing, closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from got_loaders.chunks import Mode, Passage, Passages
from got_runtime.errors import TaskError

if TYPE_CHECKING:
    from got_runtime import GotRuntime
    from got_runtime.tasks import Task

__all__ = ["OnError", "Reading"]

OnError = Literal["raise", "skip", "document"]
"""A page or file that fails: stop with its error, leave it out, or a Document without text whose metadata has it."""

_POLICY = {"raise": "raise", "skip": "skip", "document": "keep"}


@dataclass(frozen=True)
class Reading:
    """Settings of a loader. ``options`` are further ones of ``GotRuntime.stream``: ``dpi``, ``password``, ``limits`` …

    Raises:
        TaskError: a mode or error policy that there is not.
        TypeError: an option that there is not.
    """

    mode: Mode = "page"
    task: "Task | None" = None
    pages: Any = None
    on_error: OnError = "raise"
    boxes: bool = False
    max_tokens: int = 512
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value, known in (("mode", self.mode, Mode), ("on_error", self.on_error, OnError)):
            if value not in get_args(known):
                raise TaskError(f"{name}={value!r} is not known: choose from {', '.join(get_args(known))}")
        unknown = set(self.options) - _stream_options()
        if unknown:
            raise TypeError(
                f"unknown option {sorted(unknown)[0]!r}: choose from {', '.join(sorted(_stream_options()))}"
            )

    def passages(self, runtime: "GotRuntime", source: Any, name: str | None = None) -> Iterator[Passage]:
        """Passages of a source, a folder or a list of them, each as soon as its page is read.

        Args:
            runtime: who reads.
            source: as ``GotRuntime.stream`` takes it.
            name: what to call a source that has no name of its own (bytes).
        """
        cut = self._passages(runtime, source, name)
        with closing(runtime.stream(_listed(source), **self._asked())) as pages:
            for page in pages:
                yield from cut.take(page)
        yield from cut.finish()

    async def apassages(self, runtime: "GotRuntime", source: Any, name: str | None = None) -> AsyncIterator[Passage]:
        """:meth:`passages` without blocking the event loop."""
        cut = self._passages(runtime, source, name)
        async with aclosing(runtime.astream(_listed(source), **self._asked())) as pages:
            async for page in pages:
                for passage in cut.take(page):
                    yield passage
        for passage in cut.finish():
            yield passage

    def _passages(self, runtime: "GotRuntime", source: Any, name: str | None) -> Passages:
        from got_runtime.sources.names import display_name, is_address

        paths = [each for each in _listed(source) if isinstance(each, str | os.PathLike) and not is_address(each)]
        names = {display_name(source): name} if name is not None else {display_name(path): str(path) for path in paths}
        return Passages(self.mode, runtime.model_info.name, self.max_tokens, self.boxes, names)

    def _asked(self) -> dict[str, Any]:
        asked = {"task": self.task, "pages": self.pages, "on_error": _POLICY[self.on_error], **self.options}
        return asked | {"boxes": True} if self.boxes else asked


def _listed(source: Any) -> list[Any]:
    return list(source) if isinstance(source, list | tuple) else [source]


def _stream_options() -> set[str]:
    from got_runtime.options import ReadOptions

    return set(ReadOptions.model_fields) - {"task", "pages", "on_error", "boxes"}
