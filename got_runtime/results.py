"""What a caller gets back: pages, documents, and everything that was decided on the way."""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from got_runtime.options import ReadOptions
from got_runtime.tasks import Plain, Task

if TYPE_CHECKING:
    from got_runtime.markup import Chunk, Element

__all__ = [
    "Attempt",
    "Confidence",
    "DocumentResult",
    "ElementBox",
    "FinishReason",
    "ModelInfo",
    "PageError",
    "PageResult",
    "Timings",
    "render_pages",
]

FinishReason = Literal["stop", "length", "repetition", "text_layer", "blank", "error"]
"""Why a page ended: the network said so, the token budget, a loop; or it was not read at all."""


class _Record(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy without what was computed from the fields that change."""
        copy = super().model_copy(update=update, deep=deep)
        for name in copy.__dict__.keys() - type(self).model_fields.keys():
            del copy.__dict__[name]
        return copy


class Confidence(_Record):
    """Probability the network gave the tokens it chose: their mean, and the least certain one."""

    mean: float = Field(ge=0.0, le=1.0)
    minimum: float = Field(ge=0.0, le=1.0)


class Timings(_Record):
    """Seconds spent; never part of what makes two results equal in meaning."""

    encode: float = 0.0
    decode: float = 0.0


class Attempt(_Record):
    """A way in which a page was tried again after a loop, how that ended, and whether its text was chosen."""

    method: str
    finish_reason: FinishReason
    confidence: Confidence | None = None
    chosen: bool = False


class PageError(_Record):
    """A page that could not be read: the error's class and its one-line message."""

    type: str
    message: str


class ElementBox(_Record):
    """Where the element with this span of the page's text stands: ``(x0, y0, x1, y1)`` from the page's top left.

    In PDF points where the page has them, else in pixels. ``score`` says how sure that is; ``source`` who found it.
    """

    span: tuple[int, int]
    bbox: tuple[float, float, float, float]
    score: float = Field(ge=0.0, le=1.0)
    source: Literal["layout", "attention"]

    def scaled(self, across: float, down: float) -> "ElementBox":
        """The same box in other units."""
        x0, y0, x1, y1 = self.bbox
        return self.model_copy(update={"bbox": (x0 * across, y0 * down, x1 * across, y1 * down)})


class PageResult(_Record):
    """One page (or, with :class:`~got_runtime.tasks.MultiPage`, several read in one context).

    ``number`` counts from 1; ``label`` is the page's own (``iv``, ``A-3``); ``total`` is the number of pages of its
    source. ``width`` and ``height`` are pixels of the image that was read, ``size_pt`` PDF points. ``sha256`` is of the
    source's bytes, where it has any. ``tokens`` counts the answer's tokens. ``attempts`` lists the retries of a page
    whose first answer ran into a loop; the text is the chosen one's, or the first answer's where none is chosen.
    ``boxes``, where they were asked for, are those of the ``elements`` that could be placed.
    """

    source: str
    sha256: str | None = None
    number: int
    label: str
    total: int | None = None
    width: int
    height: int
    size_pt: tuple[float, float] | None = None
    task: Task = Field(default_factory=Plain)
    text: str = ""
    tokens: int = 0
    finish_reason: FinishReason
    confidence: Confidence | None = None
    warnings: tuple[str, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    error: PageError | None = None
    timings: Timings = Timings()
    boxes: tuple[ElementBox, ...] = ()

    @property
    def is_latex(self) -> bool:
        """Whether the text is GOT's dialect of LaTeX rather than lines of text."""
        return self.task.formatted and self.finish_reason != "text_layer"

    @cached_property
    def elements(self) -> "list[Element]":
        """What the page says as typed elements (headings, paragraphs, tables, formulas …)."""
        from got_runtime.markup import parse

        return parse(self.text, is_latex=self.is_latex)


def render_pages(pages: "Iterable[PageResult]", render: "Callable[[list[Element]], str]") -> str:
    """Pages as a person reads them: GOT's markup as ``render`` shows its elements, lines of text as they are."""
    from got_runtime.markup import parse_pages

    texts = []
    for is_latex, run in groupby(pages, key=lambda page: page.is_latex):
        answers = [page.text for page in run if page.text]
        texts.append(render(parse_pages(answers)) if is_latex else "\n\n".join(answers))
    return "\n\n".join(filter(None, texts))


class ModelInfo(_Record):
    """The weights that were used; ``revision`` is the commit of what came from a hub."""

    name: str
    revision: str | None
    device: str
    dtype: str


class DocumentResult(_Record):
    """All pages of one source. ``sha256`` is of the source's bytes, where it has any.

    ``settings`` are the options it was read with, without the password: with the same model, options and bytes the same
    text comes out.
    """

    source: str
    sha256: str | None
    pages: tuple[PageResult, ...]
    model: ModelInfo
    settings: ReadOptions = ReadOptions()

    @property
    def text(self) -> str:
        """The pages' texts, a blank line between them."""
        return "\n\n".join(page.text for page in self.pages if page.text)

    @cached_property
    def elements(self) -> "list[Element]":
        """What the pages say as typed elements; paragraphs and tables that run over a page end are joined."""
        from got_runtime.markup import parse_pages

        return parse_pages(
            [page.text for page in self.pages],
            numbers=[page.number for page in self.pages],
            is_latex=[page.is_latex for page in self.pages],
        )

    @property
    def markdown(self) -> str:
        """The document in GitHub-flavoured Markdown."""
        from got_runtime.markup import to_markdown

        return to_markdown(self.elements)

    @property
    def html(self) -> str:
        """One self-contained, sanitised page: formulas in MathML, no script, nothing loaded from elsewhere."""
        from got_runtime.markup import to_html

        return to_html(self.elements, title=self.source.rsplit("/", 1)[-1])

    def chunks(
        self,
        *,
        by: Literal["section", "element"] = "section",
        max_tokens: int = 512,
        count_tokens: "Callable[[str], int] | None" = None,
    ) -> "list[Chunk]":
        """Pieces for a vector store; words are counted where no ``count_tokens`` is given (see
        :func:`got_runtime.markup.chunk`).
        """
        from got_runtime.markup import chunk

        first = self.pages[0].number if self.pages else 1
        return chunk(self.elements, by=by, max_tokens=max_tokens, count_tokens=count_tokens, first_page=first)

    @property
    def errors(self) -> tuple[PageResult, ...]:
        """The pages that could not be read."""
        return tuple(page for page in self.pages if page.error is not None)
