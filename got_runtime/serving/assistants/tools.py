"""What the tools do: bounded parts of documents, so that no answer exceeds an assistant's context."""

import hashlib
import io
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing

from PIL import Image, ImageDraw
from pydantic import BaseModel, Field

from got_runtime.errors import EngineError, OptionError, TaskError
from got_runtime.options import ReadOptions
from got_runtime.results import DocumentResult, PageResult
from got_runtime.serving.assistants.folder import Folder, FolderFile
from got_runtime.serving.assistants.readers import STOP, Reader
from got_runtime.sources import open_pages
from got_runtime.sources.names import one_line
from got_runtime.tasks import Box, Color

__all__ = ["DocumentPart", "Found", "Hit", "Saved", "Tools"]

FEWEST_CHARACTERS, MOST_CHARACTERS = 500, 100_000
PAGES_PER_CALL = 20
"""Pages that one call reads at most: minutes, not hours."""
MOST_HITS = 50
PICTURE_SIDE = 1024
KEPT_PAGES = 500
_AROUND = 120  # characters shown on either side of a hit
_FORMATS = {".md": "markdown", ".txt": "text", ".html": "html", ".json": "json"}

Fractions = tuple[float, float, float, float]


class DocumentPart(BaseModel):
    """A part of a document."""

    text: str
    pages: list[int] = Field(description="The pages that the text is from.")
    total_pages: int = Field(description="Pages that were selected.")
    next_cursor: str | None = Field(description="Give it as cursor to read on; null at the end.")
    notes: list[str] = Field(description="What may be wrong with the text.")


class Hit(BaseModel):
    """A place in a document."""

    page: int
    text: str
    box: Fractions | None = Field(description="Left, top, right and bottom edge as fractions of the page, if known.")


class Found(BaseModel):
    """The places that contain a phrase."""

    hits: list[Hit]
    searched_pages: list[int]
    next_page: int | None = Field(description="The page to search on from; null at the end.")
    left_out: int = Field(description="Further hits on the searched pages, beyond max_hits.")


class Saved(BaseModel):
    """A written file."""

    path: str
    pages: int
    failed_pages: list[int]
    bytes: int


class Tools:
    """The tools over one folder and one reader. Pages that were read are kept in memory.

    Args:
        folder: of the documents.
        reader: reads them.
    """

    def __init__(self, folder: Folder, reader: Reader) -> None:
        self._folder = folder
        self._reader = reader
        self._kept: OrderedDict[tuple[object, ...], PageResult] = OrderedDict()
        self._lock = threading.Lock()

    def read_document(
        self, source: str, pages: str, task: str, max_characters: int, cursor: str | None
    ) -> DocumentPart:
        if not FEWEST_CHARACTERS <= max_characters <= MOST_CHARACTERS:
            raise OptionError(f"max_characters={max_characters}: give {FEWEST_CHARACTERS} to {MOST_CHARACTERS:,}")
        document = self._folder.source(source)
        options = ReadOptions.of({"task": task}, caller="read_document")
        numbers = _page_numbers(document, pages)
        mark = _mark(document, task)
        page, offset = _parsed(cursor, mark) if cursor else (numbers[0] if numbers else 0, 0)
        if numbers and page not in numbers:
            raise OptionError(f"cursor={one_line(cursor or '')!r} is of another selection of pages: begin without it")
        start = numbers.index(page) if numbers else 0
        text, read, notes, following = "", list[int](), list[str](), None
        left = numbers[start : start + PAGES_PER_CALL]
        with closing(self._pages(document, options, left)) as results:
            for result in results:
                whole = _markdown(result)
                shown = whole[offset : offset + max_characters - len(text)]
                text += shown
                read.append(result.number)
                notes += _notes(result)
                offset += len(shown)
                if offset < len(whole):
                    following = f"{result.number}:{offset}:{mark}"
                    break
                offset = 0
        if following is None and start + len(read) < len(numbers):
            following = f"{numbers[start + len(read)]}:0:{mark}"
        return DocumentPart(text=text, pages=read, total_pages=len(numbers), next_cursor=following, notes=notes)

    def read_region(self, source: str, page: int, box: Sequence[float] | None, color: str | None) -> DocumentPart:
        document = self._folder.source(source)
        if (box is None) == (color is None):
            raise OptionError("give either box or color")
        task: Box | Color
        if box is not None:
            x1, y1, x2, y2 = _fractions(box)
            task = Box(x1, y1, x2, y2, unit="fraction", crop=True)
        else:
            task = Color.model_validate({"color": color})
        options = ReadOptions(task=task, pages=str(page), on_error="raise")
        with closing(self._reader.pages(document, options)) as results:
            result = next(results, None)
        if result is None:
            raise EngineError(f"page {page} did not come: read it again")
        return DocumentPart(text=result.text, pages=[page], total_pages=1, next_cursor=None, notes=_notes(result))

    def search_document(self, source: str, query: str, first_page: int, max_hits: int) -> Found:
        words = query.lower().split()
        if not words or not 1 <= max_hits <= MOST_HITS:
            raise OptionError(f"give a query that is not empty, and max_hits from 1 to {MOST_HITS}")
        document = self._folder.source(source)
        numbers = [number for number in _page_numbers(document, None) if number >= first_page]
        pattern = re.compile(r"\s+".join(map(re.escape, words)))
        hits, searched = list[Hit](), list[int]()
        with closing(self._pages(document, ReadOptions(), numbers[:PAGES_PER_CALL])) as results:
            for result in results:
                searched.append(result.number)
                hits += _hits(result, pattern)
                if len(hits) >= max_hits:
                    break
        following = numbers[len(searched)] if len(searched) < len(numbers) else None
        left_out = max(0, len(hits) - max_hits)
        return Found(hits=hits[:max_hits], searched_pages=searched, next_page=following, left_out=left_out)

    def page_image(self, source: str, page: int, boxes: Sequence[Sequence[float]]) -> bytes:
        """A JPEG file, whose longer side has at most :data:`PICTURE_SIDE` pixels."""
        [opened] = open_pages(self._folder.source(source), pages=page, long_side=PICTURE_SIDE)
        if opened.error is not None:
            raise opened.error
        assert opened.image is not None
        image = opened.image.copy()
        image.thumbnail((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.LANCZOS)
        draw = ImageDraw.Draw(image)
        for box in boxes:
            x1, y1, x2, y2 = _fractions(box)
            edges = (x1 * image.width, y1 * image.height, x2 * image.width, y2 * image.height)
            draw.rectangle(edges, outline=(200, 0, 0), width=3)
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=80)
        return buffer.getvalue()

    def save_document(self, source: str, target: str, pages: str, task: str, overwrite: bool) -> Saved:
        document, file = self._folder.source(source), self._folder.target(target, overwrite=overwrite)
        kind = _FORMATS.get(file.suffix.lower())
        if kind is None:
            raise OptionError(f"{one_line(target)}: its ending decides the format: {', '.join(_FORMATS)}")
        if file == document.file:
            raise OptionError(f"{one_line(target)} is the document itself: choose another name")
        options = ReadOptions.of({"task": task}, caller="save_document")
        results = list(self._pages(document, options, _page_numbers(document, pages)))
        whole = DocumentResult(
            source=document.source,
            sha256=None,
            pages=tuple(results),
            model=self._reader.model(),
            settings=options,
        )
        text = whole.model_dump_json(indent=2) if kind == "json" else str(getattr(whole, kind))
        data = text.encode("utf-8", errors="replace")
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_name(f".{os.getpid()}-{threading.get_ident()}.partial")
        try:
            partial.write_bytes(data)
            partial.replace(file)
        finally:
            partial.unlink(missing_ok=True)
        failed = [result.number for result in results if result.error is not None]
        return Saved(path=self._folder.name(file), pages=len(results), failed_pages=failed, bytes=len(data))

    def _pages(
        self, document: FolderFile, options: ReadOptions, numbers: Sequence[int]
    ) -> Generator[PageResult, None, None]:
        """The pages in order; those that are kept are not read, the others are read together. Raises EngineError."""
        state = document.file.stat()
        asked = options.model_dump_json(exclude_defaults=True)
        keys = {number: (document.file, state.st_mtime_ns, state.st_size, asked, number) for number in numbers}
        with self._lock:
            found = {number: self._kept.get(keys[number]) for number in numbers}
        kept = {number: result for number, result in found.items() if result is not None}
        missing = ",".join(str(number) for number in numbers if number not in kept)
        if not missing:
            yield from kept.values()
            return
        with closing(self._reader.pages(document, options.model_copy(update={"pages": missing}))) as reading:
            for number in numbers:
                result = kept.get(number) or next(reading, None)
                if (stop := STOP.get()) is not None and stop.is_set():
                    raise EngineError("the client went away")
                if result is None:
                    raise EngineError(f"page {number} did not come: read it again")
                if result.error is None:
                    self._keep(keys[number], result)
                yield result

    def _keep(self, key: tuple[object, ...], result: PageResult) -> None:
        with self._lock:
            self._kept[key] = result
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT_PAGES:
                self._kept.popitem(last=False)


def _page_numbers(document: FolderFile, pages: str | None) -> list[int]:
    """The numbers of the selected pages; nothing is rendered."""
    return [page.number for page in open_pages(document, pages=pages or None, find_kept=lambda *_: True)]


def _mark(document: FolderFile, task: str) -> str:
    """What a cursor stands in: the state of the file, and the task. Another text has other positions."""
    state = document.file.stat()
    return hashlib.sha256(f"{state.st_mtime_ns} {state.st_size} {task}".encode()).hexdigest()[:8]


def _parsed(cursor: str, mark: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,9}):(\d{1,9}):([0-9a-f]{8})", cursor)
    if found is None:
        raise OptionError(f"cursor={one_line(cursor)!r}: give the next_cursor of the last answer, or none")
    if found[3] != mark:
        raise OptionError("the cursor is of another document or task, or the file has changed: begin without it")
    return int(found[1]), int(found[2])


def _fractions(box: Sequence[float]) -> Fractions:
    values = tuple(map(float, box))
    if len(values) != 4 or not all(0 <= value <= 1 for value in values):
        raise TaskError("a box is [left, top, right, bottom], each a fraction of the page from 0 to 1")
    x1, y1, x2, y2 = values
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)


def _markdown(result: PageResult) -> str:
    from got_runtime.markup import to_markdown

    body = "(this page could not be read)" if result.error else to_markdown(result.elements).strip()
    return f"[page {result.number}]\n\n{body}\n\n"


def _notes(result: PageResult) -> list[str]:
    notes = [f"page {result.number}: {warning}" for warning in result.warnings]
    if result.error is not None:
        notes.append(f"page {result.number} could not be read: {result.error.message}")
    if result.finish_reason in ("length", "repetition"):
        notes.append(f"page {result.number} was not read to its end ({result.finish_reason})")
    return notes


def _hits(result: PageResult, pattern: re.Pattern[str]) -> Iterator[Hit]:
    """Every place on a page, with the box of the line or element in which it begins."""
    text = result.text
    width, height = result.size_pt or (result.width, result.height)
    lines, start = [(line.text, line.bbox) for line in result.lines if line.text], 0
    boxes = [(box.span, box.bbox) for box in result.boxes]
    for row in text.split("\n"):
        if lines and lines[0][0] == row:
            boxes.append(((start, start + len(row)), lines.pop(0)[1]))
        start += len(row) + 1
    # Lower case of the same length: positions stay those of the text.
    folded = "".join(each if len(each) == 1 else letter for letter in text for each in [letter.lower()])
    for found in pattern.finditer(folded):
        around = text[max(0, found.start() - _AROUND) : found.end() + _AROUND]
        bbox = next((bbox for (low, high), bbox in boxes if low <= found.start() < high), None)
        box = (bbox[0] / width, bbox[1] / height, bbox[2] / width, bbox[3] / height) if bbox else None
        yield Hit(page=result.number, text=" ".join(around.split()), box=box)
