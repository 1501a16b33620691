"""A fine-tuned network as a checkpoint folder: new weights among the files of the one it began as."""

import shutil
from pathlib import Path
from typing import Any

from got_runtime.model.original import convert, is_original

__all__ = ["write_checkpoint"]

_COPIED = ("*.json", "*.txt", "*.tiktoken", "*.jinja")


def write_checkpoint(model: Any, source: Path, target: Path) -> None:
    """Write a folder that transformers and ``GotRuntime.from_pretrained`` load, whole or not at all.

    Args:
        model: the port's ``GotOcr2ForConditionalGeneration``.
        source: folder of the checkpoint it was loaded from, in the port's format or the original.
        target: replaced if it is there.
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
        # Word for word: the ban on repetitions that the checkpoint states is read from here.
        (partial / name).write_bytes(content)
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)
