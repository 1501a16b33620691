"""Digests of a run's model and data: a run resumes only with the model and data that it began with."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from got_runtime.sources.content import Content
from got_runtime.sources.names import one_line
from got_runtime.training.finetune.dataset import Pair

__all__ = ["fingerprint"]


def fingerprint(source: Path, pairs: Sequence[Pair], held_out: Sequence[Pair]) -> dict[str, str]:
    """SHA-256 of the model, the pairs and the held-out pairs, by the names that an error message uses.

    Files are compared by content and not by path: a run may resume after its folders were moved.

    Args:
        source: the checkpoint's folder; ``config.json`` and the weights are hashed.
    """
    files = [source / "config.json", *sorted(source.glob("*.safetensors"))]
    model = hashlib.sha256("".join(map(_sha256, files)).encode())
    return {"model": model.hexdigest(), "pairs": _of_pairs(pairs), "held-out pairs": _of_pairs(held_out)}


def _of_pairs(pairs: Sequence[Pair]) -> str:
    images = {image: _sha256(image) for image in {image for pair in pairs for image in pair.images}}
    entries = [[pair.query, pair.answer, *(images[image] for image in pair.images)] for pair in pairs]
    return hashlib.sha256(json.dumps(entries).encode()).hexdigest()


def _sha256(file: Path) -> str:
    return Content(one_line(str(file)), file).sha256
