"""Opens and validates folders in GOT's original format."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from got_runtime.errors import CheckpointInvalid, CheckpointNotFound
from got_runtime.model.image_processor import ImageProcessor
from got_runtime.model.original.layout import port_config, port_name
from got_runtime.model.original.vocabulary import SPECIAL_TOKENS, build_tokenizer, read_ranks
from got_runtime.model.original.weights import DTYPES, StoredTensor, find_weights, read_weights

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["IMAGE_MEAN", "IMAGE_STD", "OriginalCheckpoint", "is_original"]

ARCHITECTURE = "GOTQwenForCausalLM"

# The original format has no image settings: they are constants of the official transform (BlipImageEvalProcessor in
# GOT/model/plug/blip_process.py, called with image_size=1024), which normalises as CLIP does.
IMAGE_MEAN = (0.48145466, 0.4578275, 0.40821073)
IMAGE_STD = (0.26862954, 0.26130258, 0.27577711)


def is_original(folder: Path) -> bool:
    """Whether the folder's ``config.json`` names the official code's class."""
    try:
        return _is_original(_read_config(folder))
    except CheckpointInvalid:
        return False


@dataclass(frozen=True)
class OriginalCheckpoint:
    """A validated original checkpoint, in the format of transformers' port.

    Attributes:
        config: the port's ``GotOcr2Config`` as a dictionary.
        weights: the tensors on disk, by the port's names.
        ranks: the ordinary tokens, as :func:`~got_runtime.model.original.vocabulary.read_ranks` returns them.
    """

    config: dict[str, Any]
    weights: dict[str, StoredTensor]
    ranks: dict[bytes, int]

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Read configuration, vocabulary, and the names and shapes of the weights; the weights are not read.

        Raises:
            CheckpointNotFound: the folder does not exist.
            CheckpointInvalid: another format, pickled weights, or files that are not a GOT checkpoint.
        """
        if not folder.is_dir():
            raise CheckpointNotFound(f"{folder} is not a folder: give the folder of an original GOT checkpoint")
        config = _read_config(folder)
        if not _is_original(config):
            kind = config.get("architectures") or config.get("model_type")
            raise CheckpointInvalid(
                f"{folder} is not in the original format ({ARCHITECTURE}) but {kind}: nothing to convert"
            )
        weights = find_weights(folder)
        ranks = read_ranks(folder)
        try:
            shapes = {name: stored.shape for name, stored in weights.items()}
            port = port_config(config, shapes, len(ranks) + SPECIAL_TOKENS.index("<imgpad>"))
            if port["tie_word_embeddings"]:
                # The official code overwrites it with the embeddings.
                weights.pop("lm_head.weight", None)
            named = {port_name(name): stored for name, stored in weights.items()}
            _check_shapes(port, named)
        except CheckpointInvalid as error:
            raise CheckpointInvalid(f"{folder}: {error}") from error
        port["dtype"] = DTYPES[named["model.language_model.embed_tokens.weight"].dtype]
        return cls(port, named, ranks)

    @property
    def image_processor(self) -> ImageProcessor:
        """The official pixels, at the encoder's input size (1024×1024 in every published GOT)."""
        size = self.config["vision_config"]["image_size"]
        return ImageProcessor((size, size), IMAGE_MEAN, IMAGE_STD)

    def tokenizer(self) -> "Tokenizer":
        """The tokenizer, built anew (one to two seconds for Qwen's 151,643 tokens)."""
        return build_tokenizer(self.ranks)

    def load_arguments(self) -> dict[str, Any]:
        """Arguments of ``GotOcr2ForConditionalGeneration.from_pretrained``: configuration and renamed tensors.

        The tensors are memory-mapped, so only the network takes memory.
        """
        from transformers import GotOcr2Config

        return {
            "pretrained_model_name_or_path": None,
            "config": GotOcr2Config(**self.config),
            "state_dict": dict(read_weights(self.weights)),
        }


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointInvalid(f"{path} is not readable JSON ({error}): fetch the checkpoint again") from error
    if not isinstance(config, dict):
        raise CheckpointInvalid(f"{path} is not a JSON object: fetch the checkpoint again")
    return config


def _is_original(config: dict[str, Any]) -> bool:
    return ARCHITECTURE in (config.get("architectures") or ()) or config.get("model_type") == "GOT"


def _check_shapes(config: dict[str, Any], weights: dict[str, StoredTensor]) -> None:
    """Raises CheckpointInvalid unless the weights are those of the port's network, in their shapes, and no others."""
    expected = _network_shapes(config)
    if config["tie_word_embeddings"]:
        del expected["lm_head.weight"]
    remedy = "fetch the checkpoint again"
    missing = sorted(expected.keys() - weights.keys())
    if missing:
        raise CheckpointInvalid(
            f"{len(missing)} weights are missing, {missing[0]} (the port's name) among them: {remedy}"
        )
    extra = sorted(stored.name for name, stored in weights.items() if name not in expected)
    if extra:
        raise CheckpointInvalid(f"{len(extra)} weights are not GOT's, {extra[0]} among them: {remedy}")
    for name, stored in weights.items():
        if stored.shape != expected[name]:
            raise CheckpointInvalid(
                f"{stored.name} has the shape {stored.shape}, where config.json requires {expected[name]}: {remedy}"
            )


def _network_shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Shapes of the weights of a network of this configuration. No memory is allocated for them."""
    import torch
    from transformers import GotOcr2Config, GotOcr2ForConditionalGeneration

    try:
        with torch.device("meta"):
            network = GotOcr2ForConditionalGeneration(GotOcr2Config(**config))
    except Exception as error:  # transformers and torch raise many types for invalid values
        reason = (str(error).strip().splitlines() or [""])[0]
        raise CheckpointInvalid(
            f"config.json does not describe a network ({type(error).__name__}: {reason}): fetch the checkpoint again"
        ) from error
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
