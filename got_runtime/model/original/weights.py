"""Lists, reads and writes the tensors of safetensors files.

A conversion only renames tensors, so no more than one is in memory. Format: https://github.com/huggingface/safetensors
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from got_runtime.errors import CheckpointInvalid

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["DTYPES", "StoredTensor", "find_weights", "read_weights", "write_weights"]

DTYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
"""Element types a GOT checkpoint can have, as safetensors and as torch name them."""

_SINGLE = "model.safetensors"
_INDEX = "model.safetensors.index.json"
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in a file: file, name in that file, shape, element type as safetensors names it."""

    file: Path
    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        """Size of the data in bytes."""
        return prod(self.shape) * (4 if self.dtype == "F32" else 2)


def find_weights(folder: Path) -> dict[str, StoredTensor]:
    """Every tensor of the folder's safetensors, by its name. Only the headers are read.

    Raises:
        CheckpointInvalid: there are no safetensors, a shard is missing or broken, or an element type is not in
            :data:`DTYPES`.
    """
    from safetensors import SafetensorError, safe_open

    found: dict[str, StoredTensor] = {}
    for file in _shards(folder):
        try:
            with safe_open(file, framework="pt") as shard:
                for name in shard.keys():  # noqa: SIM118 - not a mapping
                    entry = shard.get_slice(name)
                    found[name] = StoredTensor(file, name, tuple(entry.get_shape()), str(entry.get_dtype()))
        except FileNotFoundError as error:
            raise CheckpointInvalid(f"{folder} lacks {file.name}: fetch the checkpoint again") from error
        except (SafetensorError, OSError) as error:
            raise CheckpointInvalid(f"{file} is not a complete safetensors file ({error}): fetch it again") from error
    other = next((stored for stored in found.values() if stored.dtype not in DTYPES), None)
    if other is not None:
        raise CheckpointInvalid(
            f"{other.file}: {other.name} is {other.dtype}; give weights in {', '.join(DTYPES.values())}"
        )
    return found


def read_weights(weights: Mapping[str, StoredTensor]) -> "Iterator[tuple[str, Tensor]]":
    """Yield the tensors one after the other, under the names of ``weights``."""
    from safetensors import safe_open

    with ExitStack() as stack:
        files = {stored.file for stored in weights.values()}
        shards = {file: stack.enter_context(safe_open(file, framework="pt")) for file in files}
        for name, stored in weights.items():
            yield name, shards[stored.file].get_tensor(stored.name)


def write_weights(weights: Mapping[str, StoredTensor], file: Path) -> None:
    """Write the tensors to one safetensors file, bit for bit, under the names of ``weights``."""
    import torch

    # Wide elements first keep every tensor aligned, as safetensors itself does.
    by_alignment = dict(sorted(weights.items(), key=lambda item: (item[1].dtype != "F32", item[0])))
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, stored in by_alignment.items():
        begin, end = end, end + stored.size
        header[name] = {"dtype": stored.dtype, "shape": list(stored.shape), "data_offsets": [begin, end]}
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)
    with file.open("wb") as out:
        out.write(len(encoded).to_bytes(8, "little") + encoded)
        for _, tensor in read_weights(by_alignment):
            out.write(tensor.contiguous().view(torch.uint8).numpy().data)


def _shards(folder: Path) -> list[Path]:
    index = folder / _INDEX
    if index.exists():
        try:
            names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise CheckpointInvalid(f"{index} does not list the weights ({error}): fetch it again") from error
        if not all(str(name).endswith(".safetensors") and Path(str(name)).name == name for name in names):
            raise CheckpointInvalid(f"{index} names files other than safetensors beside it: fetch it again")
        return [folder / name for name in sorted(names)]
    if (folder / _SINGLE).exists():
        return [folder / _SINGLE]
    if any(path for pattern in _PICKLED for path in folder.glob(pattern)):
        raise CheckpointInvalid(
            f"{folder} has pickled weights only, which are not read (they can run code): give its safetensors"
        )
    raise CheckpointInvalid(f"{folder} has no {_SINGLE} and no {_INDEX}: fetch the checkpoint again")
