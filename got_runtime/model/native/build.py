"""Compiles C files on the machine that runs them, and loads them."""

import ctypes
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

__all__ = [
    "FLOAT",
    "INSTRUCTIONS",
    "INT",
    "POINTER",
    "SWITCH",
    "compiled",
    "compiled_for_vectors",
    "has_bf16_products",
    "openmp_library",
    "why_not_compiled",
]

logger = logging.getLogger(__name__)

SWITCH = "GOT_OCR_NATIVE"
"""Environment variable; ``0`` disables the C code, a key of :data:`_LESSER` limits the instructions that it uses."""

_LESSER = {
    "avx2": ["-march=x86-64-v3"],
    "avx512": ["-march=x86-64-v4"],
    "avx512_bf16": ["-march=x86-64-v4", "-mavx512bf16", "-mavx512vnni"],
}
"""Instructions of lesser processors, with the options of the compiler."""

INSTRUCTIONS = ("none", "AVX2", "AVX-512", "AVX-512 bf16", "AMX")
"""What ``instructions()`` in ``vectors.h`` returns: an index into these names."""

POINTER, INT, FLOAT = ctypes.c_void_p, ctypes.c_int64, ctypes.c_float

_OPTIMISE = ["-O3", "-mprefer-vector-width=512", "-fPIC", "-fopenmp"]
# Sums may be reordered, which is what vectorises them; infinities and signed zeros do not occur.
_ARITHMETIC = ["math-errno", "trapping-math", "signed-zeros"]
_HEADERS = Path(__file__).parent
_FLAGS = [*_OPTIMISE, *(f"-fno-{name}" for name in _ARITHMETIC), "-fassociative-math", "-ffinite-math-only"]


def compiled(source: Path, functions: Mapping[str, Sequence[Any]]) -> ctypes.CDLL | None:
    """``source`` as a library, or None where it is not available: not Linux on x86-64, no C compiler, or switched off.

    The compiled library is kept in the user's cache folder under the hash of everything it depends on.

    Args:
        source: a C file.
        functions: argument types of each function; all return a C int or nothing.
    """
    compiler, openmp = _compiler(), openmp_library()
    if compiler is None or openmp is None or not _wanted():
        if _wanted():
            _log_once(logging.INFO, f"{why_not_compiled()}: without {source.name} some steps are slower")
        return None
    try:
        library = ctypes.CDLL(str(_built(source, compiler, openmp)))
    except (OSError, subprocess.CalledProcessError) as error:
        _log_once(logging.WARNING, f"{source.name} is not used, which makes some steps slower: {_reason(error)}")
        return None
    for name, arguments in functions.items():
        getattr(library, name).argtypes = arguments
    return library


def why_not_compiled() -> str | None:
    """Why C code is not compiled here; None where it can be."""
    if os.environ.get(SWITCH) == "0":
        return f"{SWITCH}=0"
    if not _wanted():
        return "C code is compiled on Linux on x86-64 only"
    if _compiler() is None:
        return "no C compiler was found"
    return "no OpenMP library of torch was found" if openmp_library() is None else None


def _wanted() -> bool:
    return sys.platform == "linux" and platform.machine() == "x86_64" and os.environ.get(SWITCH) != "0"


def _compiler() -> str | None:
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def compiled_for_vectors(source: Path, functions: Mapping[str, Sequence[Any]]) -> ctypes.CDLL | None:
    """:func:`compiled` for a source that includes ``vectors.h``; None also on a CPU without AVX2."""
    library = compiled(source, {**functions, "instructions": []})
    return library if library is not None and library.instructions() else None


@cache  # engines and their processes ask again
def _log_once(level: int, message: str) -> None:
    logger.log(level, "%s", message)


def _reason(error: OSError | subprocess.CalledProcessError) -> str:
    """The command and the first line of its errors, where a command failed."""
    if isinstance(error, OSError):
        return str(error)
    errors = (error.stderr or b"").decode(errors="replace").strip().splitlines()
    first = next((line for line in errors if "error" in line), errors[0] if errors else f"status {error.returncode}")
    return f"{error.cmd[0]}: {first}"


def has_bf16_products() -> bool:
    """Whether oneDNN is available and multiplies bfloat16 by 16-bit instructions (AVX-512) on this CPU."""
    import torch

    if os.environ.get(SWITCH) == "avx2":
        return False
    return torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def openmp_library() -> Path | None:
    """The GNU OpenMP that torch has loaded, if any. A second one would keep its own threads spinning beside torch's."""
    import torch

    return next(iter(sorted((Path(torch.__file__).parent / "lib").glob("libgomp*.so*"))), None)


def _built(source: Path, compiler: str, openmp: Path) -> Path:
    processor = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")][:1]
    texts = [each.read_text(encoding="utf-8") for each in (source, *sorted(_HEADERS.glob("*.h")))]
    flags = [*_LESSER.get(os.environ.get(SWITCH, ""), ["-march=native"]), *_FLAGS]
    depends = "\n".join([*texts, *flags, compiler, str(openmp), *processor])
    name = hashlib.sha256(depends.encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "got-ocr" / "native"
    target = cache / f"{source.stem}-{name}.so"
    if target.exists():
        return target
    cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        built = Path(folder) / f"{source.stem}.o"
        # Linked separately, without -fopenmp, which would bring the compiler's own OpenMP.
        subprocess.run([compiler, *flags, f"-I{_HEADERS}", "-c", source, "-o", built], check=True, capture_output=True)
        library = built.with_suffix(".so")
        subprocess.run([compiler, "-shared", built, "-o", library, openmp, "-lm"], check=True, capture_output=True)
        library.replace(target)
    return target
