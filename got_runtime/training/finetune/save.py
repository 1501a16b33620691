"""Writes a fine-tuned network as a checkpoint folder: new weights, all other files from the original checkpoint."""

import shutil
from pathlib import Path
from typing import Any

from got_runtime.model.original import convert, is_original

__all__ = ["write_checkpoint"]

_COPIED = ("*.json", "*.txt", "*.tiktoken", "*.jinja")


def write_checkpoint(model: Any, source: Path, target: Path) -> None:
    """Write a folder that transformers and ``GotRuntime.from_pretrained`` load; an interrupted write leaves no folder.

    Args:
        model: transformers' ``GotOcr2ForConditionalGeneration``.
        source: folder of the checkpoint that it was loaded from, in transformers' format or the original one.
        target: folder to write; an existing one is replaced.
    """
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    from transformers.utils import logging

    if is_original(source):
        convert(source, partial)
    else:
        partial.mkdir(parents=True)
        for pattern in _COPIED:
            for file in source.glob(pattern):
                if not file.name.endswith(".index.json"):
                    shutil.copyfile(file, partial / file.name)
    logging.disable_progress_bar()
    kept = {name: (partial / name).read_bytes() for name in ("generation_config.json",) if (partial / name).exists()}
    try:
        model.save_pretrained(partial)
    finally:
        logging.enable_progress_bar()
    for name, content in kept.items():
        # Unchanged: the runtime reads the checkpoint's n-gram ban from this file.
        (partial / name).write_bytes(content)
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)
