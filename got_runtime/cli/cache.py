"""``got-ocr cache``: shows and empties the place where answers are kept."""

import argparse

from got_runtime.cli.common import counted, non_negative_number


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "cache",
        help="show or empty the kept answers",
        description="Show, shrink or empty the place where got-ocr read keeps the answers for pages.",
    )
    parser.add_argument("action", choices=("info", "prune", "clear"), help="count, remove the oldest, or remove all")
    parser.add_argument(
        "place",
        nargs="?",
        metavar="DIR",
        help="folder, or an address such as s3://bucket/readings (default: the user's)",
    )
    parser.add_argument(
        "--max-gb",
        type=non_negative_number,
        default=1.0,
        metavar="N",
        help="prune: gigabytes that may stay; the entries used longest ago are removed (1)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print or change what the store holds.

    Raises:
        CacheError: the store cannot be used.
    """
    from got_runtime.cache.store import default_folder, open_store
    from got_runtime.errors import CacheError
    from got_runtime.sources.names import one_line

    store = open_store(args.place if args.place is not None else default_folder())
    try:
        match args.action:
            case "info":
                done = store.info()
            case "prune":
                done = store.prune(int(args.max_gb * 1e9))
            case _:
                done = store.clear()
    except OSError as error:
        raise CacheError(f"the cache {store.name} cannot be used: {one_line(str(error))}") from error
    verb = "" if args.action == "info" else " removed"
    print(f"{store.name}: {counted(done.entries, 'page')}{verb}, {done.bytes / 1e6:,.1f} MB")
    return 0
