"""Loads the weights of a checkpoint into a network: transformers' class, or plain modules."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from got_runtime.errors import CheckpointInvalid
from got_runtime.model.original import OriginalCheckpoint

if TYPE_CHECKING:
    import torch

__all__ = ["load_network"]


def load_network(
    folder: Path, device: "torch.device", dtype: "torch.dtype", original: OriginalCheckpoint | None, plain: bool
) -> Any:
    """The network of a folder, in evaluation mode.

    Args:
        folder: of the checkpoint.
        device: for the weights.
        dtype: of the weights.
        original: the checkpoint, if it is in the original format.
        plain: prefer plain modules to transformers' classes.

    Raises:
        CheckpointInvalid: the weights are missing, damaged, or those of another network.
    """
    if plain and original is None:
        from got_runtime.model.plain_network import load_plain

        if (network_without_classes := load_plain(folder, device, dtype)) is not None:
            return network_without_classes
    from transformers import GotOcr2ForConditionalGeneration
    from transformers.utils import logging

    network: Any = GotOcr2ForConditionalGeneration
    if original is None and not list(folder.glob("*.safetensors")):
        raise CheckpointInvalid(f"{folder} has no .safetensors weights (pickled weights are not read)")
    verbosity = logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        source = original.load_arguments() if original else {"pretrained_model_name_or_path": folder}
        model, report = network.from_pretrained(
            **source, dtype=dtype, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except Exception as error:  # transformers raises many types for broken files
        first_line = (str(error).strip().splitlines() or [""])[0]
        raise CheckpointInvalid(f"{folder} could not be loaded ({type(error).__name__}: {first_line})") from error
    finally:
        logging.set_verbosity(verbosity)
        logging.enable_progress_bar()
    missing = sorted(report["missing_keys"]) or sorted(str(key) for key in report["mismatched_keys"])
    if missing:
        raise CheckpointInvalid(
            f"{folder} lacks {len(missing)} weights, {missing[0]} among them: fetch the checkpoint again"
        )
    return model.to(device).eval()
