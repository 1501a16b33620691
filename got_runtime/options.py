"""The options of reading pages, defined once for the runtime, the loaders and the command line."""

import operator
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, SupportsIndex, TypedDict, Unpack, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from got_runtime.errors import OptionError, PageOutOfRange, check_names, nearest_hint
from got_runtime.sources import HIGHEST_DPI, LOWEST_DPI
from got_runtime.sources.limits import Limits
from got_runtime.sources.names import one_line
from got_runtime.sources.selection import check_selection
from got_runtime.tasks import MAX_NEW_TOKENS, Plain, Task

__all__ = [
    "ErrorPolicy",
    "OcrMode",
    "PageSelection",
    "ReadOptions",
    "ReadOptionsDict",
    "TaskName",
    "ZoomMode",
]

ErrorPolicy = Literal["keep", "skip", "raise"]
"""Handling of a page or file that fails. The default is ``"keep"`` everywhere: ``"raise"`` loses the other pages, and
with ``"skip"`` the result does not show that a page is missing."""

OcrMode = Literal["always", "auto"]
ZoomMode = Literal["auto", "off"]
PageSelection = str | int | tuple[int, ...]
TaskName = Literal["plain", "format", "tiles", "pages"]
"""Tasks that need no parameters, by name."""

_HINTS = {name: f"it is one of the limits: limits={{{name!r}: …}}" for name in Limits.model_fields}


class ReadOptionsDict(TypedDict, total=False):
    """The keyword arguments of :class:`ReadOptions`, for ``**options: Unpack[ReadOptionsDict]`` (PEP 692).

    ``None`` stands for the default, except in ``pages``, ``dpi``, ``password`` and ``zoom``, where it is the default.
    """

    task: Task | TaskName | Mapping[str, Any] | None
    pages: str | SupportsIndex | Sequence[SupportsIndex] | None
    dpi: float | None
    rotate: Literal[0, 90, 180, 270]
    password: str | None
    limits: Limits | Mapping[str, Any] | None
    allow_remote: bool
    ocr: OcrMode
    on_error: ErrorPolicy
    max_new_tokens: int
    boxes: bool
    zoom: ZoomMode | None


def _task(value: Any) -> Any:
    if value is None:
        return Plain()
    if isinstance(value, str):
        if value not in get_args(TaskName):
            if value in ("box", "color"):
                raise ValueError("this task has parameters: give Box(x1, y1, x2, y2) or Color(color='red')")
            raise ValueError(f"no task has this name: {nearest_hint(value, get_args(TaskName))}")
        return {"kind": value}
    if isinstance(value, Mapping):
        return dict(value)
    if not isinstance(value, BaseModel):
        raise ValueError('give a task such as Formatted(), its name ("format") or its dictionary')
    return value


def _pages(value: Any) -> Any:
    if value is None:
        return value
    if isinstance(value, str):
        try:
            check_selection(value)
        except PageOutOfRange as error:
            raise ValueError(str(error)) from error
        return value
    numbers = _integers(value)
    if numbers in (0, ()) or (isinstance(numbers, tuple) and 0 in numbers):
        raise ValueError("give page numbers counted from 1; -1 is the last page")
    return numbers


def _integers(value: Any) -> int | tuple[int, ...]:
    """Any integer type and any iterable is accepted: numpy's numbers and arrays, ranges, generators."""
    if not isinstance(value, bool | bytes | bytearray | Mapping):  # which hold integers, but no page numbers
        try:
            return operator.index(value)
        except TypeError:
            pass
        try:
            return tuple(operator.index(number) for number in value)
        except TypeError:
            pass
    raise ValueError("give a selection such as '1-3,7,-1', or whole numbers")


def _whole(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("give a whole number")
    return value


class ReadOptions(BaseModel):
    """Options of reading pages: validated once, frozen, and part of the result as ``DocumentResult.settings``.

    The same options can be given one by one as keyword arguments of ``GotRuntime.read``, ``read_all``, ``stream``,
    ``aread`` and ``astream``.

    Raises:
        OptionError: an unknown option (the message names the nearest one) or a value of the wrong type or range.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        hide_input_in_errors=True,  # the password may be part of it
    )

    task: Annotated[Task, BeforeValidator(_task)] = Plain()
    """The task: an object such as ``Formatted()``, its name (``"plain"``, ``"format"``), or its dictionary."""

    pages: Annotated[PageSelection | None, BeforeValidator(_pages)] = None
    """Page selection of each source, such as ``"1-3,7,-1"``, or page numbers counted from 1; ``None`` for all pages."""

    dpi: float | None = Field(default=None, ge=LOWEST_DPI, le=HIGHEST_DPI)
    """Rendering resolution of PDF pages, 20 to 1200 dots per inch; ``None`` chooses by the size of the page."""

    rotate: Literal[0, 90, 180, 270] = 0
    """Clockwise rotation of every page in degrees, before anything else."""

    password: str | None = Field(default=None, repr=False, exclude=True)
    """Password of encrypted PDF files. It is left out of results."""

    limits: Limits = Limits()
    """Bounds on pages, pixels, bytes and seconds; a :class:`~got_runtime.sources.Limits` or its dictionary."""

    allow_remote: bool = False
    """Whether ``http://`` and ``https://`` sources are downloaded."""

    ocr: OcrMode = "always"
    """``"auto"`` returns the text layer of PDF pages that have a good one (``finish_reason="text_layer"``)."""

    on_error: ErrorPolicy = "keep"
    """A page or file that fails: ``"keep"`` returns a result that carries the error, ``"skip"`` leaves it out, and both
    log a warning; ``"raise"`` raises the error. A source that is read alone and cannot be opened always raises."""

    max_new_tokens: Annotated[int, BeforeValidator(_whole)] = Field(default=MAX_NEW_TOKENS, ge=1)
    """Maximum number of tokens decoded for a page, or for each view of a page that is read in zoomed views."""

    boxes: bool = False
    """Whether to locate each element on its page (``PageResult.boxes``)."""

    zoom: ZoomMode | None = None
    """``"auto"`` reads a page of plain or formatted text, or one for tiles, in enlarged views where its type is smaller
    than the network reads; cuts boxes and coloured frames out and reads their text so; and reads the pages of
    ``MultiPage`` one by one. ``"off"`` shows every page as the official code does. ``None`` is ``"auto"`` with a
    checkpoint that states the type width that it reads (``readable_character_width`` in ``config.json``; got-nano
    does), else ``"off"``."""

    def __init__(self, **options: Unpack[ReadOptionsDict]) -> None:
        check_names(options, type(self).model_fields, "ReadOptions", hints=_HINTS)
        try:
            super().__init__(**options)
        except ValidationError as error:
            first = error.errors()[0]
            name = first["loc"][0]
            value = "…" if name == "password" else one_line(repr(options.get(str(name))))
            raise OptionError(f"{name}={value}: {first['msg'].removeprefix('Value error, ')}") from error

    @classmethod
    def of(cls, given: Mapping[str, Any], *, caller: str, other_names: Collection[str] = ()) -> "ReadOptions":
        """Options from keyword arguments; ``None`` stands for the default.

        Args:
            given: names and values.
            caller: the called method or loader, for messages, such as ``"GotRuntime.read"``.
            other_names: further keyword arguments of the method, which messages may suggest.

        Raises:
            OptionError: an unknown name, or a value of the wrong type or range.
        """
        check_names(given, cls.model_fields, caller, other_names, _HINTS)
        try:
            return cls(**{name: value for name, value in given.items() if value is not None})
        except OptionError as error:
            raise OptionError(f"{caller}: {error}") from error.__cause__

    def replace(self, changes: Mapping[str, Any], *, caller: str, other_names: Collection[str] = ()) -> "ReadOptions":
        """A copy with other values, validated like :meth:`of`; without changes the same object."""
        if not changes:
            return self
        chosen = {name: getattr(self, name) for name in self.model_fields_set}
        return self.of({**chosen, **changes}, caller=caller, other_names=other_names)
