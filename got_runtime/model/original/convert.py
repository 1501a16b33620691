"""Converts an original checkpoint to a folder in transformers' format, for every tool that supports the port."""

import shutil
from pathlib import Path
from uuid import uuid4

from got_runtime.errors import CheckpointError
from got_runtime.model.original.folder import OriginalCheckpoint
from got_runtime.model.original.layout import published_name
from got_runtime.model.original.weights import write_weights
from got_runtime.model.prompt import END_OF_TEXT, END_OF_TURN
from got_runtime.tasks import MAX_NEW_TOKENS, NGRAM_BAN, TRAINED_CONTEXT

__all__ = ["convert"]


def convert(source: Path, target: Path) -> None:
    """Write a folder that ``from_pretrained`` of the port's model and processor can load.

    The weights keep their bits and their element type; one tensor at a time is in memory. The folder is written under a
    temporary name beside ``target`` and renamed when it is complete.

    Args:
        source: a folder in the original format.
        target: a new or an empty folder.

    Raises:
        CheckpointNotFound: ``source`` is not a folder.
        CheckpointInvalid: ``source`` is not an original GOT checkpoint, or an incomplete one.
        CheckpointError: ``target`` exists and is not empty, or cannot be written.
    """
    target = target.absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise CheckpointError(f"{target} exists already: give a new or an empty folder")
    original = OriginalCheckpoint.open(source)
    partial = target.with_name(f".{target.name}.{uuid4().hex[:8]}.partial")
    try:
        partial.mkdir(parents=True)
        _write_settings(original, partial)
        published = {published_name(name): stored for name, stored in original.weights.items()}
        write_weights(published, partial / "model.safetensors")
        if target.exists():
            target.rmdir()
        partial.rename(target)
    except OSError as error:
        raise CheckpointError(
            f"{target} could not be written ({error}): give a folder on a disk with space for a copy"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_settings(original: OriginalCheckpoint, folder: Path) -> None:
    """Write every file except the weights."""
    from transformers import (
        GenerationConfig,
        GotOcr2Config,
        GotOcr2ImageProcessorPil,
        GotOcr2Processor,
        PreTrainedTokenizerFast,
    )

    vocabulary = original.tokenizer()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=vocabulary,
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        pad_token=END_OF_TEXT,
        model_max_length=TRAINED_CONTEXT,
        clean_up_tokenization_spaces=False,
    )
    width, height = original.image_processor.size
    image_processor = GotOcr2ImageProcessorPil(
        size={"height": height, "width": width},
        image_mean=list(original.image_processor.mean),
        image_std=list(original.image_processor.std),
    )
    GotOcr2Processor(image_processor, tokenizer).save_pretrained(folder)
    GotOcr2Config(**original.config).save_pretrained(folder)
    GenerationConfig(
        eos_token_id=[vocabulary.token_to_id(END_OF_TURN), vocabulary.token_to_id(END_OF_TEXT)],
        pad_token_id=vocabulary.token_to_id(END_OF_TEXT),
        max_new_tokens=MAX_NEW_TOKENS,
        no_repeat_ngram_size=NGRAM_BAN,
    ).save_pretrained(folder)
