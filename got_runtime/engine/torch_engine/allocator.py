"""How memory comes from the system: freed memory stays in the process, large tensors lie on large pages."""

import ctypes
import mmap
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ask_for_huge_pages", "keep_freed_memory"]

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEEP = 1 << 30
_HUGE = 2 << 20


def keep_freed_memory() -> bool:
    """Let the C library reuse large blocks instead of handing each back to the system; False where it cannot.

    Every activation of the encoder is tens of megabytes. Handed back and asked for again, each costs thousands of page
    faults: the full-size encoder takes 1.9 s instead of 2.7 s a page on a busy 2-core machine once they are kept.
    The setting holds for the whole process. Elsewhere than on Linux with glibc nothing happens.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_M_MMAP_THRESHOLD, _KEEP)) and bool(mallopt(_M_TRIM_THRESHOLD, _KEEP))


def ask_for_huge_pages(tensor: "Tensor") -> None:
    """Let Linux put a tensor that is still empty on pages of 2 MB, where it is set to give them on request.

    Weights, keys and values are read from front to back, hundreds of megabytes a step: keys and values of 32 rows in 70
    ms instead of 75.
    """
    if sys.platform != "linux":
        return
    begin = -(-tensor.data_ptr() // mmap.PAGESIZE) * mmap.PAGESIZE
    length = tensor.data_ptr() + tensor.nbytes - begin
    if length >= _HUGE:
        ctypes.CDLL(None).madvise(ctypes.c_void_p(begin), ctypes.c_size_t(length), mmap.MADV_HUGEPAGE)
