"""Says what the CPU has and which code runs on it, for ``got-ocr info`` and ``got-ocr bench``."""

import platform
from pathlib import Path

__all__ = ["code_path", "other_devices", "processor"]

_FEATURES = {
    "AMX": "_is_amx_tile_supported",
    "AVX-512 bf16": "_is_avx512_bf16_supported",
    "AVX-512 VNNI": "_is_vnni_supported",
    "AVX-512": "_is_avx512_supported",
    "AVX2": "_is_avx2_supported",
}
"""What the compiled code makes use of, by the name of torch's question."""


def processor() -> str:
    """Name and vector instructions of the CPU, such as ``AMD EPYC: AVX-512 bf16, AVX-512 VNNI, AVX-512, AVX2``."""
    import torch

    found = [name for name, question in _FEATURES.items() if getattr(torch.cpu, question, lambda: False)()]
    return f"{_name()}: {', '.join(found) or 'no vector instructions that compiled code uses'}"


def code_path(device: str, dtype: str) -> str:
    """What runs the network: compiled C with its instructions, or torch with the reason.

    Args:
        device: such as ``cpu`` or ``cuda:0``.
        dtype: such as ``bfloat16``.
    """
    if device.partition(":")[0] != "cpu":
        return "torch"
    if dtype != "bfloat16":
        return "torch (compiled C is for bfloat16)"
    from got_runtime.engine.torch_engine.native.library import load, load_products
    from got_runtime.model.native.build import INSTRUCTIONS, why_not_compiled

    products = load_products()
    if products is None or load() is None:
        return f"torch ({why_not_compiled() or 'the CPU lacks AVX2'})"
    return f"compiled C, {INSTRUCTIONS[products.instructions()]}"


def other_devices(device: str) -> list[str]:
    """Accelerators of this machine that ``auto`` does not choose, because nothing was ever measured or tested on them.

    Args:
        device: that is in use, such as ``cpu``.
    """
    import torch

    here = {"mps": torch.backends.mps.is_available(), "xpu": torch.xpu.is_available()}
    return [name for name, available in here.items() if available and name != device.partition(":")[0]]


def _name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()
