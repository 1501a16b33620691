"""Compiles ``step.c`` for this machine, once, and loads it."""

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

__all__ = ["SWITCH", "load"]

SWITCH = "GOT_OCR_NATIVE"
"""Environment variable; ``0`` keeps the C code out."""

_SOURCE = Path(__file__).with_name("step.c")
_OPTIMISE = ["-O3", "-march=native", "-mprefer-vector-width=512", "-fPIC", "-fopenmp"]
# Sums may be reordered, which is what vectorises them; infinities and signed zeros do not occur.
_ARITHMETIC = ["math-errno", "trapping-math", "signed-zeros"]
_FLAGS = [*_OPTIMISE, *(f"-fno-{name}" for name in _ARITHMETIC), "-fassociative-math", "-ffinite-math-only"]
_POINTER, _INT, _FLOAT = ctypes.c_void_p, ctypes.c_int64, ctypes.c_float
_ARGUMENTS = {
    "add_rms_norm": [_POINTER] * 4 + [_INT, _INT, _FLOAT],
    "silu_mul": [_POINTER] * 2 + [_INT] * 2,
    "round_rows": [_POINTER] * 3 + [_INT] * 2,
    "scale_rows": [_POINTER] * 4 + [_INT] * 2,
    "choose": [_POINTER] * 3 + [_INT] * 2,
    "attend_step": [_POINTER] * 5 + [_INT] * 4,
}


@functools.cache
def load() -> ctypes.CDLL | None:
    """The compiled functions, or None where they cannot be had: not Linux on x86-64, no C compiler, or switched off.

    The result of compiling is kept in the user's cache folder under the hash of everything it depends on.
    """
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    openmp = _openmp()
    wanted = sys.platform == "linux" and platform.machine() == "x86_64" and os.environ.get(SWITCH) != "0"
    if not wanted or compiler is None or openmp is None:
        return None
    try:
        library = ctypes.CDLL(str(_compiled(compiler, openmp)))
    except (OSError, subprocess.CalledProcessError):
        return None
    for name, arguments in _ARGUMENTS.items():
        getattr(library, name).argtypes = arguments
        getattr(library, name).restype = None
    return library


def _openmp() -> Path | None:
    """The OpenMP that torch has loaded. A second one would keep its own threads spinning beside torch's."""
    import torch

    return next(iter(sorted((Path(torch.__file__).parent / "lib").glob("libgomp*.so*"))), None)


def _compiled(compiler: str, openmp: Path) -> Path:
    processor = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")][:1]
    depends = "\n".join([_SOURCE.read_text(encoding="utf-8"), *_FLAGS, compiler, str(openmp), *processor])
    name = hashlib.sha256(depends.encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "got-ocr"
    target = cache / f"step-{name}.so"
    if target.exists():
        return target
    cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        built = Path(folder) / "step.o"
        # Linked in a second go without -fopenmp, which would bring the compiler's own OpenMP.
        subprocess.run([compiler, *_FLAGS, "-c", _SOURCE, "-o", built], check=True, capture_output=True)
        made = built.with_suffix(".so")
        subprocess.run([compiler, "-shared", built, "-o", made, openmp, "-lm"], check=True, capture_output=True)
        made.replace(target)
    return target
