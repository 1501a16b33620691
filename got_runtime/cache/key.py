"""What an answer depends on, and the key made of it."""

import contextlib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache, lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from got_runtime.cache.store import default_folder, open_store
from got_runtime.errors import CacheError

if TYPE_CHECKING:
    from got_runtime.options import ReadOptions
    from got_runtime.results import ModelInfo

__all__ = ["READER_VERSION", "Network", "key_of", "page_parts", "weights_digest"]

READER_VERSION = 11
"""Raised by hand when the same bytes, options and network give another answer: other prompts, retries, views or
settings of rendering. ``tests/cache/test_reader_version.py`` fails when answers for example pages change without it."""

_IGNORED_OPTIONS = frozenset({"pages", "on_error", "allow_remote", "password", "limits"})
"""Options that no answer depends on. All others are part of the key: a new one makes kept answers useless, not wrong.

Of the limits, ``max_pixels`` and ``max_side`` are part of the key, since they bound the resolution. The others end a
page with an error or at a time limit, and such answers are not kept.
"""
_REMEMBERED_BYTES = 256 << 20
"""Size of a file from which its digest is kept for other processes: less takes a fraction of a second."""
_WEIGHT_FILES = ("*.json", "*.safetensors", "*.txt", "*.tiktoken")


@dataclass(frozen=True)
class Network:
    """The network and how its numbers are computed. Batch size and device number do not change an answer.

    Attributes:
        weights: digest of the checkpoint's files (see :func:`weights_digest`).
        engine: name of the engine.
        device: kind of device, such as ``"cpu"`` or ``"cuda"``.
        dtype: of weights and activations.
        weight_dtype, kv_cache_dtype: see :class:`~got_runtime.EngineConfig`.
    """

    weights: str
    engine: str
    device: str
    dtype: str
    weight_dtype: str = "auto"
    kv_cache_dtype: str = "auto"

    @classmethod
    def of(
        cls,
        folder: Path | None,
        engine: str,
        info: "ModelInfo",
        weight_dtype: str = "auto",
        kv_cache_dtype: str = "auto",
    ) -> Self:
        """The network that was loaded from a folder. Raises CacheError as :func:`weights_digest` does."""
        device = info.device.partition(":")[0]
        return cls(weights_digest(folder), engine, device, info.dtype, weight_dtype, kv_cache_dtype)


def weights_digest(folder: Path | None) -> str:
    """SHA-256 over the files of a checkpoint: weights, configuration and tokenizer. Their names are part of it.

    Files that did not change since the last call, by size and time, are not read again: large ones also by other
    processes, which find the digest in the user's cache folder.

    Raises:
        CacheError: the network was not loaded from files, or one cannot be read.
    """
    if folder is None:
        raise CacheError("answers are kept under the digest of the weights' files, and this network has none")
    try:
        return _digest(folder)
    except OSError as error:
        raise CacheError(f"the files of the network in {folder} cannot be read: {error}") from error


def _digest(folder: Path) -> str:
    files = sorted({file for pattern in _WEIGHT_FILES for file in folder.glob(pattern)})
    total = hashlib.sha256()
    for file in files:
        status = file.stat()
        total.update(f"{file.name}\0{_file_digest(file, status.st_size, status.st_mtime_ns)}\0".encode())
    return total.hexdigest()


@lru_cache(maxsize=64)
def _file_digest(file: Path, size: int, modified: int) -> str:
    store, name = None, ""
    if size >= _REMEMBERED_BYTES:
        name = hashlib.sha256(f"{file.absolute()}\0{size}\0{modified}".encode()).hexdigest()
        with contextlib.suppress(CacheError, OSError):  # a digest can always be computed
            store = open_store(default_folder().parent / "digests")
            if known := store.get(name):
                return known.decode()
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    if store is not None:
        with contextlib.suppress(OSError):
            store.put(name, digest.encode())
    return digest


def page_parts(network: Network, options: "ReadOptions", sha256: str, numbers: Sequence[int]) -> dict[str, Any]:
    """Everything that the answer for a page depends on, as JSON values.

    Args:
        network: what decodes it.
        options: how it is read.
        sha256: digest of the source's bytes, in hexadecimal.
        numbers: the page, or the pages of one context, counted from 1.
    """
    return {
        "reader": READER_VERSION,
        "renderer": _renderers(),
        "network": asdict(network),
        "options": options.model_dump(mode="json", exclude=set(_IGNORED_OPTIONS)),
        "max_pixels": options.limits.max_pixels,
        "max_side": options.limits.max_side,
        "sha256": sha256,
        "pages": list(numbers),
    }


@cache
def _renderers() -> dict[str, str]:
    """Versions of what makes the pixels; finding them reads files, and every page asks."""
    packages = ["pymupdf", "pillow", *(["pypdfium2"] if find_spec("pypdfium2") is not None else [])]
    return {package: version(package) for package in packages}


def key_of(parts: dict[str, Any]) -> str:
    """SHA-256 of the parts as sorted JSON, in hexadecimal."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=True).encode()).hexdigest()
