"""Documents, slices and readers for the tests of the cluster."""

from pathlib import Path

import pyarrow as pa
from helpers.source_files import pymupdf

from got_runtime import GotRuntime, ReadOptions
from got_runtime.cluster import ReaderSettings, SliceLister, SliceReader
from got_runtime.cluster.find import find_documents
from got_runtime.engine.scripted import ScriptedEngine
from got_runtime.model.checkpoint import LoadedModel


def write_pdf(file: Path, pages: int) -> Path:
    with pymupdf.open() as document:
        for number in range(pages):
            document.new_page(width=300, height=200).insert_text((30, 60), f"{file.stem} {number + 1}", fontsize=24)
        document.save(file)
    return file


def list_slices(source: Path | str, slice_pages: int = 2, options: ReadOptions | None = None) -> pa.Table:
    return SliceLister(options or ReadOptions(), slice_pages)(find_documents([source]))


class CountedEngine(ScriptedEngine):
    """Counts its sessions, of which each reading has one."""

    sessions = 0

    def session(self, tokens: bool = True):  # type: ignore[no-untyped-def]
        self.sessions += 1
        return super().session(tokens)


def make_reader(
    checkpoint: LoadedModel, *answers: str | Exception, settings: ReaderSettings | None = None
) -> tuple[SliceReader, CountedEngine]:
    """A reader whose pages have these answers, in the order in which they are decoded."""
    engine = CountedEngine(checkpoint.encode, answers)
    return SliceReader(settings or ReaderSettings(), lambda: GotRuntime(checkpoint, engine)), engine
