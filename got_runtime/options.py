"""Every option of a reading in one list, which the runtime, the loaders and the command line share."""

import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, Literal, TypedDict

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from got_runtime.errors import OptionError
from got_runtime.sources.limits import Limits
from got_runtime.tasks import MAX_NEW_TOKENS, Plain, Task

__all__ = ["ErrorPolicy", "OcrMode", "PageSelection", "ReadOptions", "ReadOptionsDict", "TaskName", "check_names"]

ErrorPolicy = Literal["keep", "skip", "raise"]
OcrMode = Literal["always", "auto"]
PageSelection = str | int | tuple[int, ...]
TaskName = Literal["plain", "format", "tiles", "pages"]
"""Tasks that need no parameters, by the names of the command line."""


def _task(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else Plain() if value is None else value


def _pages(value: Any) -> Any:
    # Numbers of any integer type are taken, numpy's among them; a generator or a range too.
    if value is None or isinstance(value, str | int | tuple):
        return value
    return tuple(int(number) for number in value)


class ReadOptions(BaseModel):
    """Options of a reading: validated once, frozen, and part of the result as ``DocumentResult.settings``.

    :class:`ReadOptionsDict` lists the same names for keyword arguments.

    Raises:
        OptionError: an unknown option (the message names the nearest one) or a value of the wrong type or range.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    task: Annotated[Task, BeforeValidator(_task)] = Plain()
    """What to read: a task such as ``Formatted()``, its name (``"plain"``, ``"format"``), or its dictionary."""

    pages: Annotated[PageSelection | None, BeforeValidator(_pages)] = None
    """Page selection of each source, such as ``"1-3,7,-1"``, or page numbers counted from 1; ``None`` for all pages."""

    dpi: float | None = Field(default=None, gt=0)
    """Rendering resolution of PDF pages in dots per inch; ``None`` chooses by the size of the page."""

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
    """A page or file that fails: ``"keep"`` returns a result that carries the error, ``"skip"`` logs it and leaves it
    out, ``"raise"`` raises it. A source that is read alone and cannot be opened always raises."""

    max_new_tokens: int = Field(default=MAX_NEW_TOKENS, ge=1)
    """Maximum number of tokens decoded for a page."""

    boxes: bool = False
    """Whether to locate each element on its page (``PageResult.boxes``)."""

    @classmethod
    def of(cls, given: Mapping[str, Any], *, entrance: str, other_names: Collection[str] = ()) -> "ReadOptions":
        """Options from keyword arguments; ``None`` stands for the default.

        Args:
            given: names and values.
            entrance: what was called, for messages, such as ``"GotRuntime.read"``.
            other_names: further keyword arguments of the entrance, which messages may suggest.

        Raises:
            OptionError: an unknown name, or a value of the wrong type or range.
        """
        check_names(given, (*cls.model_fields, *other_names), entrance)
        try:
            return cls.model_validate({name: value for name, value in given.items() if value is not None})
        except ValidationError as error:
            wrong = error.errors()[0]
            where = ".".join(str(part) for part in wrong["loc"] if isinstance(part, str | int))
            message = wrong["msg"].removeprefix("Value error, ")
            raise OptionError(f"{entrance}: {where}={wrong['input']!r}: {message}") from error

    def replace(self, changes: Mapping[str, Any], *, entrance: str) -> "ReadOptions":
        """A copy with other values, validated like :meth:`of`; without changes the same object."""
        if not changes:
            return self
        return self.of({**{name: getattr(self, name) for name in self.model_fields_set}, **changes}, entrance=entrance)


class ReadOptionsDict(TypedDict, total=False):
    """The keyword arguments of :class:`ReadOptions`, for ``**options: Unpack[ReadOptionsDict]`` (PEP 692)."""

    task: Task | TaskName | Mapping[str, Any] | None
    pages: str | int | Sequence[int] | None
    dpi: float | None
    rotate: Literal[0, 90, 180, 270]
    password: str | None
    limits: Limits | Mapping[str, Any] | None
    allow_remote: bool
    ocr: OcrMode
    on_error: ErrorPolicy
    max_new_tokens: int
    boxes: bool


def check_names(given: Collection[str], known: Collection[str], entrance: str) -> None:
    """Raises OptionError for the first unknown name, naming the most similar known one."""
    for name in given:
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
            hint = f"did you mean {nearest[0]!r}?" if nearest else f"choose from {', '.join(sorted(known))}"
            raise OptionError(f"{entrance} has no option {name!r}: {hint}")
