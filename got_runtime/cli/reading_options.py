"""Options of reading pages, of the commands that read: the pages, the task, and the limits."""

import argparse
from typing import TYPE_CHECKING

from got_runtime.cli.common import positive_int, positive_number
from got_runtime.cli.options import add_task_options, task_from

if TYPE_CHECKING:
    from got_runtime.options import ReadOptions

__all__ = ["add_reading_options", "read_options"]


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that :func:`read_options` reads."""
    pages = parser.add_argument_group("pages")
    pages.add_argument("--pages", help="which pages, for example 1-3,7,-1 (default: all)")
    pages.add_argument(
        "--dpi", type=positive_number, help="rendering resolution of PDF pages, 20 to 1200 (default: by page size)"
    )
    pages.add_argument(
        "--rotate", type=int, default=0, choices=(0, 90, 180, 270), help="rotate pages clockwise by so many degrees"
    )
    pages.add_argument(
        "--ocr",
        default="always",
        choices=("always", "auto"),
        help="auto: take the text layer of PDF pages that have a good one (default: always)",
    )
    pages.add_argument(
        "--zoom",
        choices=("auto", "off"),
        help="auto: read pages of small type in enlarged views of their lines (default with got-nano); off: show every "
        "page as the official code does (default with other models)",
    )
    pages.add_argument("--allow-remote", action="store_true", help="download http and https addresses")
    pages.add_argument("--password", help="password of encrypted PDF files")
    pages.add_argument("--boxes", action="store_true", help="locate each element on its page (shown in json)")
    add_task_options(parser)
    limits = parser.add_argument_group("limits (got-ocr info shows their defaults)")
    limits.add_argument(
        "--max-new-tokens", type=positive_int, default=4096, metavar="N", help="tokens decoded for a page (4096)"
    )
    limits.add_argument(
        "--max-seconds",
        dest="max_seconds_per_page",
        type=positive_number,
        metavar="S",
        help="time for rendering a page (60), and again for decoding it (no limit)",
    )
    limits.add_argument("--max-pages", type=positive_int, metavar="N", help="pages read of a file")
    limits.add_argument("--max-pixels", type=positive_int, metavar="N", help="pixels of a page")
    limits.add_argument("--max-side", type=positive_int, metavar="N", help="pixels of a page's longer side")
    limits.add_argument("--max-render-bytes", type=positive_int, metavar="N", help="memory for rendering a page")
    limits.add_argument("--max-bytes", type=positive_int, metavar="N", help="bytes of a file")
    limits.add_argument("--max-remote-bytes", type=positive_int, metavar="N", help="bytes of a download")
    limits.add_argument("--max-remote-seconds", type=positive_number, metavar="S", help="duration of a download")


def read_options(args: argparse.Namespace) -> "ReadOptions":
    """The options of reading that the arguments describe.

    Raises:
        TaskError, OptionError: options that exclude each other, or a value that an option cannot have.
    """
    from got_runtime.errors import OptionError
    from got_runtime.options import ReadOptions, ReadOptionsDict
    from got_runtime.sources.limits import Limits

    limits = {name: value for name in Limits.model_fields if (value := getattr(args, name, None)) is not None}
    given = ReadOptionsDict(
        task=task_from(args),
        pages=args.pages,
        dpi=args.dpi,
        rotate=args.rotate,
        password=args.password,
        limits=Limits(**limits),
        allow_remote=args.allow_remote,
        ocr=args.ocr,
        # "skip" is carried out here, after the failure was reported.
        on_error="raise" if getattr(args, "on_error", "keep") == "raise" else "keep",
        max_new_tokens=args.max_new_tokens,
        boxes=args.boxes,
        zoom=args.zoom,
    )
    try:
        return ReadOptions(**given)
    except OptionError as error:  # "dpi=3.0: …" → "--dpi=3.0: …"
        raise OptionError(f"--{error}") from error.__cause__
