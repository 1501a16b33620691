"""Paths and addresses → the documents they name. No document is opened."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from got_runtime.cluster.place import check_bucket, file_system
from got_runtime.cluster.tables import DOCUMENTS
from got_runtime.errors import SourceError, SourceForbidden, SourceNotFound, SourceUnsupported
from got_runtime.sources.folders import SUFFIXES, is_folder, list_folder, natural_key
from got_runtime.sources.names import is_address, one_line, without_secrets

__all__ = ["find_documents", "is_web_address"]

_WEB = ("http://", "https://")


def is_web_address(source: str) -> bool:
    """Whether a source is downloaded by the runtime itself, with its guards, rather than through fsspec."""
    return source.lower().startswith(_WEB)


def find_documents(sources: Sequence[str | os.PathLike[str]]) -> pa.Table:
    """The documents as a table of :data:`~got_runtime.cluster.tables.DOCUMENTS`, in natural order for each source.

    Args:
        sources: files, folders (searched recursively), and addresses of fsspec such as ``s3://bucket/scans`` or
            ``s3://bucket/scans/*.pdf``.

    Raises:
        SourceNotFound: there is no such file, bucket or prefix, or a folder without documents.
        SourceForbidden: a folder may not be listed.
        SourceUnsupported: an address that no file system serves.
    """
    found: dict[str, dict[str, Any]] = {}
    for source in sources:
        for row in _found(source):
            found.setdefault(row["source"], row)
    if not found:
        raise SourceNotFound("no source is given: name files, folders or addresses")
    return pa.Table.from_pylist(list(found.values()), schema=DOCUMENTS)


def _found(source: str | os.PathLike[str]) -> Iterator[dict[str, Any]]:
    text = os.fspath(source)
    if is_web_address(text):
        yield {"source": text, "size": -1, "modified": ""}
    elif is_address(text):
        yield from _of_address(text)
    elif is_folder(text):
        listing = list_folder(text)
        if listing.errors:
            raise listing.errors[0]
        for file in listing.files:
            yield _of_file(file)
    elif not text or not os.path.exists(text):
        raise SourceNotFound(f"there is no file {one_line(text)!r}: check the path")
    else:
        yield _of_file(Path(text))


def _of_file(file: Path) -> dict[str, Any]:
    status = os.stat(file)
    return {"source": os.path.abspath(file), "size": status.st_size, "modified": str(status.st_mtime_ns)}


def _of_address(address: str) -> list[dict[str, Any]]:
    name = one_line(without_secrets(address))
    try:
        found = _listed(address)
    except SourceError:
        raise
    except (ImportError, ValueError) as error:
        raise SourceUnsupported(f"{name} cannot be opened: {one_line(str(error))}") from error
    except FileNotFoundError as error:
        raise SourceNotFound(f"{name} is not there ({one_line(str(error))}): check the bucket and the path") from error
    except PermissionError as error:
        raise SourceForbidden(f"{name} may not be listed ({one_line(str(error))}): check the credentials") from error
    except Exception as error:  # each file system of fsspec has errors of its own
        raise SourceNotFound(f"{name} cannot be listed ({one_line(str(error))}): check the address") from error
    if not found:
        raise SourceNotFound(f"{name} holds no document: they end in {' '.join(sorted(SUFFIXES))}")
    return found


def _listed(address: str) -> list[dict[str, Any]]:
    files, root = file_system(address)
    check_bucket(address, files, root)
    if "*" in root:
        infos = list(files.glob(root, detail=True).values())
    elif files.isfile(root):
        return [_row(address, files.info(root))]
    else:
        infos = list(files.find(root, detail=True).values())
        if not infos and not files.exists(root):
            raise FileNotFoundError("no object has this prefix")
    infos = [info for info in infos if info.get("type") == "file" and Path(info["name"]).suffix.lower() in SUFFIXES]
    infos.sort(key=lambda info: (natural_key(info["name"]), info["name"]))
    protocol = address.partition("://")[0]
    return [_row(f"{protocol}://{info['name'].lstrip('/')}", info) for info in infos]


def _row(address: str, info: dict[str, Any]) -> dict[str, Any]:
    changed = next((info[key] for key in ("ETag", "etag", "mtime", "LastModified", "created") if info.get(key)), "")
    return {"source": address, "size": int(info.get("size") or 0), "modified": str(changed)}
