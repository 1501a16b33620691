"""Results: documents and pages with their text, boxes, confidence, timings, retries and errors."""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Never, Self

from pydantic import BaseModel, ConfigDict, Field

from got_runtime.options import ReadOptions
from got_runtime.tasks import Plain, Task

if TYPE_CHECKING:
    from got_runtime.markup import Chunk, Element
    from got_runtime.markup.token_count import CountTokens, Tokenizer

__all__ = [
    "Attempt",
    "Confidence",
    "DocumentResult",
    "ElementBox",
    "FinishReason",
    "ModelInfo",
    "PageError",
    "PageLine",
    "PageResult",
    "PageViews",
    "Timings",
    "render_pages",
]

FinishReason = Literal["stop", "length", "repetition", "text_layer", "blank", "error"]
"""Why decoding ended (``stop``: end token, ``length``: token or time limit, ``repetition``: loop), or why the page has
no completion."""


class _Record(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy without cached properties, because they depend on the fields."""
        copy = super().model_copy(update=update, deep=deep)
        for name in copy.__dict__.keys() - type(self).model_fields.keys():
            del copy.__dict__[name]
        return copy


class Confidence(_Record):
    """Mean and minimum of the probabilities that the network gave to the chosen tokens."""

    mean: float = Field(ge=0.0, le=1.0)
    minimum: float = Field(ge=0.0, le=1.0)


class Timings(_Record):
    """Seconds in the vision encoder, and in prefill and decoding."""

    encode: float = 0.0
    decode: float = 0.0


class Attempt(_Record):
    """A retry of a page that ran into a loop, or whose zoomed views gave hardly any text.

    It has the method, the finish reason, and whether its text was chosen.
    """

    method: str
    finish_reason: FinishReason
    confidence: Confidence | None = None
    chosen: bool = False


class PageError(_Record):
    """The error of a page that could not be read: its class, and its message of one line."""

    type: str
    message: str


class ElementBox(_Record):
    """The bounding box ``(x0, y0, x1, y1)`` of the element with this span of the page's text.

    Coordinates count from the page's top left corner, in PDF points where the page has them, else in pixels. ``score``
    is the reliability of the box, ``source`` the method that found it.
    """

    span: tuple[int, int]
    bbox: tuple[float, float, float, float]
    score: float = Field(ge=0.0, le=1.0)
    source: Literal["layout", "attention", "lines"]

    def scaled(self, across: float, down: float) -> "ElementBox":
        """The same box in another unit.

        Args:
            across: factor of the x coordinates.
            down: factor of the y coordinates.
        """
        x0, y0, x1, y1 = self.bbox
        return self.model_copy(update={"bbox": (x0 * across, y0 * down, x1 * across, y1 * down)})


class PageLine(_Record):
    """A line of print: its text and its bounding box ``(x0, y0, x1, y1)``, in the units of :class:`ElementBox`.

    ``confidence`` is the mean probability of its tokens. An ``uncertain`` line has a text that does not fit the width
    of what is printed, a part that could not be read, or so low a confidence that it is left out of the page's text.
    Lines with the same ``block`` are of one paragraph, or of another group of lines that stand together.
    """

    text: str
    bbox: tuple[float, float, float, float]
    confidence: float | None = Field(default=None, ge=0.0, le=1.0)
    uncertain: bool = False
    block: int = 0


class PageViews(_Record):
    """How the page was shown to the network.

    ``kind`` is ``"whole"`` for one view, ``"tiles"`` for the official tiles, ``"zoomed"`` for views of enlarged lines.
    ``count`` is the number of views (with tiles: of tiles and thumbnail). ``read_again`` is the number of zoomed views
    whose text did not fit their lines, so that they were read again in halves, and of those that show uncertain lines
    again. ``type_width`` is the measured width of a character in pixels where the whole page is one view; ``None``
    where it was not measured. ``turned`` is by how many degrees (counter-clockwise: 0, 90, 180 or 270) a page that lay
    on its side or upside down was turned before. Of several pages the views are added up, ``kind`` is ``"zoomed"`` if
    one of them was, and the type is the narrowest.
    """

    kind: Literal["whole", "tiles", "zoomed"] = "whole"
    count: int = 1
    read_again: int = 0
    type_width: float | None = None
    turned: int = 0


class PageResult(_Record):
    """One page (or, with :class:`~got_runtime.tasks.MultiPage`, several with one text, whose places are not known).

    ``number`` counts from 1; ``label`` is the page label of the document (``iv``, ``A-3``); ``total`` is the number of
    pages of its source. ``width`` and ``height`` are the size of the page image in pixels, ``size_pt`` that of the page
    in PDF points. ``renderer`` is the library that drew it: MuPDF, PDFium or Pillow; ``None`` for an image in memory,
    and for a page without a picture. ``sha256`` is of the source's bytes, where it has any. ``tokens`` is the number of
    decoded tokens. ``attempts`` are the retries of a page whose first completion ran into a loop; ``text`` is that of
    the chosen retry, or of the first completion where none is chosen. ``boxes`` are those of the ``elements`` that
    could be located; they need the option ``boxes``. ``lines`` are those of a page of plain text whose type was
    measured (option ``zoom``): always where it was read in zoomed views, and in one view where the text has as many
    lines as the page. ``views`` tells how the page was shown to the network; ``None`` where it was not decoded.
    ``cached`` tells that the answer was kept from an earlier run; ``timings`` are those of that run.
    """

    source: str
    sha256: str | None = None
    number: int
    label: str
    total: int | None = None
    width: int
    height: int
    size_pt: tuple[float, float] | None = None
    renderer: str | None = None
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
    lines: tuple[PageLine, ...] = ()
    views: PageViews | None = None
    cached: bool = False

    @property
    def is_latex(self) -> bool:
        """Whether the text is in GOT's dialect of LaTeX, rather than plain text."""
        return self.task.formatted and self.finish_reason != "text_layer"

    @cached_property
    def elements(self) -> "list[Element]":
        """The content of the page as typed elements (headings, paragraphs, tables, formulas …)."""
        from got_runtime.markup import parse

        return parse(self.text, is_latex=self.is_latex, breaks=self.block_starts)

    @property
    def block_starts(self) -> tuple[int, ...]:
        """Indices of the text at which a block of lines begins, after the first one; empty where they are not known."""
        from got_runtime.markup.block_starts import block_starts

        return block_starts(self.text, self.lines)


def render_pages(pages: "Iterable[PageResult]", render: "Callable[[list[Element]], str]") -> str:
    """The text of pages for display, with a blank line between them.

    Args:
        pages: in order.
        render: converts the elements of pages in GOT's markup; plain text is returned unchanged.
    """
    from got_runtime.markup import parse_pages

    texts = []
    for is_latex, run in groupby(pages, key=lambda page: page.is_latex):
        page_texts = [page.text for page in run if page.text]
        texts.append(render(parse_pages(page_texts)) if is_latex else "\n\n".join(page_texts))
    return "\n\n".join(filter(None, texts))


class ModelInfo(_Record):
    """The weights that were used. ``revision`` is the commit of a checkpoint from the hub."""

    name: str
    revision: str | None
    device: str
    dtype: str


class DocumentResult(_Record):
    """All pages of one source. ``sha256`` is the digest of the source's bytes, where it has any.

    ``settings`` are the options that were used, without the password. The same model, settings and bytes give the same
    text.
    """

    source: str
    sha256: str | None
    pages: tuple[PageResult, ...]
    model: ModelInfo
    settings: ReadOptions = ReadOptions()

    @property
    def text(self) -> str:
        """The texts of the pages, with a blank line between them."""
        return "\n\n".join(page.text for page in self.pages if page.text)

    @cached_property
    def elements(self) -> "list[Element]":
        """The content of the pages as typed elements; paragraphs and tables that span pages are joined."""
        from got_runtime.markup import parse_pages

        return parse_pages(
            [page.text for page in self.pages],
            numbers=[page.number for page in self.pages],
            is_latex=[page.is_latex for page in self.pages],
            breaks=[page.block_starts for page in self.pages],
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
        count_tokens: "CountTokens | Tokenizer | None" = None,
        **unknown: Never,
    ) -> "list[Chunk]":
        """Split the document into chunks for a vector store (see :func:`got_runtime.markup.chunk`).

        ``count_tokens`` is a function or a tokenizer; without it, words are counted. Raises OptionError for an unknown
        argument, or a value that an argument cannot have.
        """
        from got_runtime.markup import chunk

        first = self.pages[0].number if self.pages else 1
        return chunk(
            self.elements, by=by, max_tokens=max_tokens, count_tokens=count_tokens, first_page=first, **unknown
        )

    @property
    def errors(self) -> tuple[PageResult, ...]:
        """The pages that could not be read."""
        return tuple(page for page in self.pages if page.error is not None)
