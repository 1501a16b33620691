"""What ``got-ocr read`` has to do: the files that are read, in which formats, and where answers are kept."""

import argparse
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from got_runtime.cli.common import print_notice
from got_runtime.cli.read_inputs import ReadInput, check_input, find_inputs

if TYPE_CHECKING:
    from got_runtime.cli.manifest import Manifest
    from got_runtime.cli.read_output import ResultWriter
    from got_runtime.options import ReadOptions
    from got_runtime.results import DocumentResult

__all__ = ["PendingFile", "PlannedFiles", "cache_place", "find_files", "open_manifest", "record"]


@dataclass(frozen=True)
class PendingFile:
    """A source, and the formats in which it has to be written."""

    source: ReadInput
    formats: tuple[str, ...]


@dataclass
class PlannedFiles:
    """The sources that the FILE arguments name: those to read, and counts of the others."""

    pending: list[PendingFile]
    existing: int = 0
    """Files whose outputs exist."""
    failed_before: int = 0
    """Files that failed in an earlier run, and would fail alike."""
    repeated: dict[str, str] = field(default_factory=dict)
    """Files that several arguments name: the key and the second name of each."""
    failed: bool = False
    """Whether an argument names nothing that can be read."""


def open_manifest(args: argparse.Namespace, options: "ReadOptions") -> "Manifest | None":
    """The record of the output folder; None without ``-o``.

    Raises:
        OptionError: the folder was written with other settings.
        CheckpointNotFound: there is no such model.
    """
    if args.output is None:
        return None
    from got_runtime.cache.key import weights_digest
    from got_runtime.cli.manifest import Manifest, settings_of
    from got_runtime.model.checkpoint import find_folder

    _, folder = find_folder(args.model, args.revision, args.local_files_only)
    return Manifest(args.output, settings_of(args, options, weights_digest(folder)), args.overwrite)


def cache_place(args: argparse.Namespace) -> str | None:
    """Where answers are kept: the place that is named, the user's folder with ``-o``, else nowhere."""
    if args.no_cache or (args.cache is None and args.output is None):
        return None
    if args.cache:
        return str(args.cache)
    from got_runtime.cache.store import default_folder, open_store
    from got_runtime.errors import CacheError

    folder = default_folder()
    if args.cache is None:
        try:
            open_store(folder)
        except CacheError as error:  # nobody asked for it
            print_notice(f"answers are not kept: {error}")
            return None
        print_notice(f"answers are kept in {folder} (--no-cache: not)")
    return str(folder)


def find_files(
    args: argparse.Namespace, options: "ReadOptions", writer: "ResultWriter", manifest: "Manifest | None"
) -> PlannedFiles:
    """The files to read. One that cannot be is reported, and does not stop the others (see ``--on-error``)."""
    from got_runtime.errors import GotError

    files = PlannedFiles([])
    readable: dict[str, bool] = {}
    for argument in args.files:
        for found in find_inputs(argument):
            try:
                if isinstance(found, GotError):
                    raise found
                if found.key in readable:
                    if readable[found.key]:
                        files.repeated.setdefault(found.key, str(getattr(found.source, "name", found.source)))
                    continue
                readable[found.key] = False
                check_input(found, options)
                missing = writer.missing_formats(found.name)
                readable[found.key] = True
            except GotError as error:
                if args.on_error == "raise":
                    raise
                print_notice(str(error))
                files.failed = True
                continue
            _plan(args, files, found, missing, manifest)
    return files


def _plan(
    args: argparse.Namespace,
    files: PlannedFiles,
    found: ReadInput,
    missing: tuple[str, ...],
    manifest: "Manifest | None",
) -> None:
    failure = manifest.failure(found) if manifest is not None else None
    if failure is not None and failure.holds(found, args.password) and not args.retry_failed:
        files.failed_before += 1
        files.failed = True
    elif missing or failure is not None:
        files.pending.append(PendingFile(found, args.to if failure is not None else missing))
    else:
        files.existing += 1


def record(manifest: "Manifest", source: ReadInput, document: "DocumentResult") -> None:
    """Record in the manifest whether pages of the document failed."""
    from got_runtime.cli.manifest import Failure
    from got_runtime.errors import PERMANENT_ERRORS

    errors = [page.error for page in document.errors if page.error is not None]
    # What may succeed the next time decides whether there is a next time.
    errors.sort(key=lambda error: error.type in PERMANENT_ERRORS)
    manifest.record(source, Failure.of(source, errors[0].type, errors[0].message) if errors else None)
