"""Pairs of image and text → the decoder's input, and the loss of the answers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from got_runtime.engine.memory import free_memory
from got_runtime.errors import TaskError
from got_runtime.model.decoder import causal, forward
from got_runtime.model.encoder import encode
from got_runtime.model.prompt import END_OF_TURN, IMAGE_PAD, build_prompt
from got_runtime.pipeline.preprocess import build_request
from got_runtime.tasks import Tiles
from got_runtime.training.finetune.dataset import Pair
from got_runtime.training.padding import IGNORED, pad
from got_runtime.views.tiles import tile_grid

if TYPE_CHECKING:
    from got_runtime.model.checkpoint import LoadedModel

__all__ = ["ImageFeatures", "answer_ids", "answer_loss", "check_pair"]

EXPLICIT_KEYS = 1024
"""Up to this many keys, on a CPU, explicit products are several times faster than the fused kernel's backward pass."""
PICTURES_AT_ONCE = 4
"""Pictures that are encoded together."""
CACHE_FRACTION = 0.4
"""Of the main memory that is free before the first page is encoded: the features may take this much."""


def answer_ids(checkpoint: "LoadedModel", pair: Pair) -> tuple[int, ...]:
    """The answer in the checkpoint's own tokens, with GOT's end token."""
    return (*checkpoint.encode(pair.answer), checkpoint.tokenizer.token_to_id(END_OF_TURN))


def check_pair(checkpoint: "LoadedModel", pair: Pair) -> None:
    """Open the pair's pictures and count its tokens.

    Raises:
        SourceCorrupt: a picture cannot be read.
        TaskError: prompt and answer do not fit into the network's context, or contain special tokens.
    """
    pictures = [_picture_count(checkpoint, pair, image.size) for image in pair.open()]
    prompt = checkpoint.encode(build_prompt(pair.query, checkpoint.tokens_per_tile * sum(pictures)))
    answer = checkpoint.encode(pair.answer)
    length = len(prompt) + len(answer) + 1
    if length > checkpoint.context:
        raise TaskError(f"{pair.location}: {length:,} tokens, and the network's context is {checkpoint.context:,}")
    if IMAGE_PAD in pair.query or {checkpoint.image_token, *checkpoint.end_tokens} & set(answer):
        raise TaskError(f"{pair.location}: {IMAGE_PAD} and {END_OF_TURN} are special tokens, no text may contain them")


def _picture_count(checkpoint: "LoadedModel", pair: Pair, size: tuple[int, int]) -> int:
    """Pictures that the network gets of one: the tiles, and the thumbnail where there are several."""
    if not isinstance(pair.task, Tiles):
        return 1
    columns, rows = tile_grid(*size, pair.task.max_tiles, checkpoint.image_processor.size)
    return columns * rows + (columns * rows > 1)


class ImageFeatures:
    """Image tokens of pairs. With a frozen encoder each picture is encoded once and kept while memory allows."""

    def __init__(self, checkpoint: "LoadedModel", frozen: bool) -> None:
        self._checkpoint, self._frozen = checkpoint, frozen
        self._kept: dict[object, Tensor] = {}
        self._bytes_left = int(free_memory(torch.device("cpu")) * CACHE_FRACTION) if frozen else 0

    def of(self, pair: Pair) -> Tensor:
        """``(image tokens, decoder width)`` on the network's device, all pictures one after the other."""
        key = pair.images, pair.task
        device = self._checkpoint.model.lm_head.weight.device
        if key in self._kept:
            return self._kept[key].to(device)
        with torch.set_grad_enabled(not self._frozen):
            features = self._encode(pair)
        size = features.numel() * features.element_size()
        if size <= self._bytes_left:
            self._bytes_left -= size
            self._kept[key] = features.cpu()
        return features

    def _encode(self, pair: Pair) -> Tensor:
        core = self._checkpoint.model.model
        request = build_request(self._checkpoint, pair.open(), pair.task, pair.query, 1)
        weight = core.vision_tower.patch_embed.projection.weight
        parts = [
            encode(core.vision_tower, core.multi_modal_projector, pixels)[0]
            for pixels in request.network_pixels(weight.device, weight.dtype).split(PICTURES_AT_ONCE)
        ]
        return torch.cat(parts).flatten(0, 1)


def answer_loss(checkpoint: "LoadedModel", pairs: Sequence[Pair], features: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Teacher-forced cross-entropy of the answers.

    Args:
        features: image tokens of each pair, ``(image tokens, decoder width)``.

    Returns:
        The sum over all answer tokens (nats), and how many of these tokens have the highest logit.
    """
    inputs, targets = [], []
    for pair, image in zip(pairs, features, strict=True):
        prompt = checkpoint.encode(build_prompt(pair.query, image.shape[0]))
        answer = answer_ids(checkpoint, pair)
        inputs.append([*prompt, *answer[:-1]])
        targets.append([*[IGNORED] * (len(prompt) - 1), *answer])
    device = features[0].device
    tokens, labels = pad(inputs, 0).to(device), pad(targets, IGNORED).to(device)
    language = checkpoint.model.model.language_model
    embeddings = language.embed_tokens(tokens)
    pads = (tokens == checkpoint.image_token)[..., None].expand_as(embeddings)
    embeddings = embeddings.masked_scatter(pads, torch.cat(list(features)).to(embeddings.dtype))
    positions = torch.arange(tokens.shape[1], device=device)[None]
    # Padding is at the end, where no causal query attends to it.
    hidden = forward(language, embeddings, positions, _attend)
    kept = labels != IGNORED
    logits = checkpoint.model.lm_head(hidden[kept]).float()
    right = (logits.detach().argmax(-1) == labels[kept]).sum()
    return F.cross_entropy(logits, labels[kept], reduction="sum"), right


def _attend(layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    length = query.shape[2]
    if query.device.type != "cpu" or length > EXPLICIT_KEYS:
        return causal(query, key, value)
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    future = torch.full((length, length), float("-inf"), dtype=query.dtype).triu(1)
    logits: Any = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2) + future
    return torch.softmax(logits, dim=-1) @ value
