"""Settings of the system's memory allocator: keep freed memory for reuse, return it, use huge pages."""

import ctypes
import gc
import mmap
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["advise_huge_pages", "keep_freed_memory", "return_freed_memory"]

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""Parameters of glibc's ``mallopt``, from ``malloc.h``."""
_KEEP_BYTES = 1 << 30
_ARENAS = 2
"""Heaps that all threads share. By default each thread gets its own, which keeps what the thread freed: 16 callers with
one page each held 1,139 MiB at most, one stream of the same pages 833; with two heaps the callers hold 907."""
_HUGE_PAGE_BYTES = 2 << 20


def keep_freed_memory() -> bool:
    """Let the C library keep freed blocks for reuse instead of returning each to the system.

    An activation of the vision encoder is tens of megabytes. Allocating each anew costs thousands of page faults: the
    full-size encoder takes 2.7 s a page without this setting and 1.9 s with it, on a busy 2-core machine. The setting
    holds for the whole process. :func:`return_freed_memory` undoes its effect on memory that is free.

    Returns:
        False where it is not supported (other systems than Linux with glibc).
    """
    mallopt = _libc_function("mallopt")
    return (
        mallopt is not None
        and bool(mallopt(_M_MMAP_THRESHOLD, _KEEP_BYTES))
        and bool(mallopt(_M_TRIM_THRESHOLD, _KEEP_BYTES))
        and bool(mallopt(_M_ARENA_MAX, _ARENAS))
    )


def return_freed_memory(device: "torch.device") -> None:
    """Return to the system, or to the GPU, the memory of objects that are no longer referenced."""
    import torch

    gc.collect()  # networks contain reference cycles
    if device.type == "cuda":
        torch.cuda.empty_cache()
    malloc_trim = _libc_function("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(ctypes.c_size_t(0))


def advise_huge_pages(tensor: "Tensor") -> None:
    """Ask Linux to place an uninitialised tensor on pages of 2 MB, where the system grants them on request.

    Weights, keys and values are read sequentially, hundreds of megabytes a step: reading the keys and values of 32
    sequences takes 70 ms instead of 75.
    """
    if sys.platform != "linux":
        return
    begin = -(-tensor.data_ptr() // mmap.PAGESIZE) * mmap.PAGESIZE
    length = tensor.data_ptr() + tensor.nbytes - begin
    if length >= _HUGE_PAGE_BYTES:
        ctypes.CDLL(None).madvise(ctypes.c_void_p(begin), ctypes.c_size_t(length), mmap.MADV_HUGEPAGE)


def _libc_function(name: str) -> "ctypes._NamedFuncPointer | None":
    """A function of glibc, or None where the C library has none of this name."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library[name] if hasattr(library, name) else None
