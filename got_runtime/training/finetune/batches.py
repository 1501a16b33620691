"""A pair as the decoder sees it: the pictures' features, the prompt around them and the answer with its end."""

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
from got_runtime.views.tiles import tile_grid

if TYPE_CHECKING:
    from got_runtime.model.checkpoint import LoadedModel

__all__ = ["Features", "answer_ids", "answer_loss", "check_pair"]

IGNORED = -100
LENGTH_STEP = 32
"""Sequences are padded to a multiple of this: a new shape costs oneDNN a compilation of every kernel of the step."""
EXPLICIT = 1024
"""Keys up to which, on a CPU, explicit products beat the fused kernel's backward pass several times."""
PICTURES_AT_ONCE = 4
CACHE_SHARE = 0.4
"""Of the main memory that was free before the first page was encoded."""


def answer_ids(checkpoint: "LoadedModel", pair: Pair) -> tuple[int, ...]:
    """The answer in the checkpoint's own tokens, ended as GOT ends it."""
    return (*checkpoint.encode(pair.answer), checkpoint.tokenizer.token_to_id(END_OF_TURN))


def check_pair(checkpoint: "LoadedModel", pair: Pair) -> None:
    """Open the pair's pictures and count its tokens.

    Raises:
        SourceCorrupt: a picture cannot be read.
        TaskError: prompt and answer do not fit the network's context, or hold tokens that no text may hold.
    """
    pictures = [_tiles(checkpoint, pair, image.size) for image in pair.open()]
    prompt = checkpoint.encode(build_prompt(pair.query, checkpoint.tokens_per_tile * sum(pictures)))
    answer = checkpoint.encode(pair.answer)
    length = len(prompt) + len(answer) + 1
    if length > checkpoint.context:
        raise TaskError(f"{pair.place}: {length:,} tokens, and the network holds {checkpoint.context:,}")
    if IMAGE_PAD in pair.query or {checkpoint.image_token, *checkpoint.end_tokens} & set(answer):
        raise TaskError(
            f"{pair.place}: {IMAGE_PAD} and {END_OF_TURN} have a meaning of their own, no text may hold them"
        )


def _tiles(checkpoint: "LoadedModel", pair: Pair, size: tuple[int, int]) -> int:
    """Pictures that the network sees of one: the tiles, and the thumbnail beside several."""
    if not isinstance(pair.task, Tiles):
        return 1
    columns, rows = tile_grid(*size, pair.task.max_tiles, checkpoint.image_processor.size)
    return columns * rows + (columns * rows > 1)


class Features:
    """Image tokens of pairs. While the encoder is frozen each picture is encoded once and kept, as memory allows."""

    def __init__(self, checkpoint: "LoadedModel", frozen: bool) -> None:
        self._checkpoint, self._frozen = checkpoint, frozen
        self._kept: dict[object, Tensor] = {}
        self._room = int(free_memory(torch.device("cpu")) * CACHE_SHARE) if frozen else 0

    def of(self, pair: Pair) -> Tensor:
        """``(image tokens, decoder width)`` on the network's device, all pictures one after the other."""
        key = pair.images, pair.task
        device = self._checkpoint.model.lm_head.weight.device
        if key in self._kept:
            return self._kept[key].to(device)
        with torch.set_grad_enabled(not self._frozen):
            features = self._encode(pair)
        size = features.numel() * features.element_size()
        if size <= self._room:
            self._room -= size
            self._kept[key] = features.cpu()
        return features

    def _encode(self, pair: Pair) -> Tensor:
        core = self._checkpoint.model.model
        request = build_request(self._checkpoint, pair.open(), pair.task, pair.query, 1)
        weight = core.vision_tower.patch_embed.projection.weight
        parts = [
            encode(core.vision_tower, core.multi_modal_projector, pixels.to(weight.device, weight.dtype))[0]
            for pixels in request.pixels.split(PICTURES_AT_ONCE)
        ]
        return torch.cat(parts).flatten(0, 1)


def answer_loss(checkpoint: "LoadedModel", pairs: Sequence[Pair], features: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Teacher-forced cross-entropy of the answers: its sum over all their tokens (nats), and how many were right."""
    rows, targets = [], []
    for pair, image in zip(pairs, features, strict=True):
        prompt = checkpoint.encode(build_prompt(pair.query, image.shape[0]))
        answer = answer_ids(checkpoint, pair)
        rows.append([*prompt, *answer[:-1]])
        targets.append([*[IGNORED] * (len(prompt) - 1), *answer])
    device = features[0].device
    tokens, truth = _padded(rows, 0).to(device), _padded(targets, IGNORED).to(device)
    language = checkpoint.model.model.language_model
    embeddings = language.embed_tokens(tokens)
    pads = (tokens == checkpoint.image_token)[..., None].expand_as(embeddings)
    embeddings = embeddings.masked_scatter(pads, torch.cat(list(features)).to(embeddings.dtype))
    positions = torch.arange(tokens.shape[1], device=device)[None]
    # Padding stands at the end, where no causal query sees it.
    hidden = forward(language, embeddings, positions, _attend)
    kept = truth != IGNORED
    logits = checkpoint.model.lm_head(hidden[kept]).float()
    right = (logits.detach().argmax(-1) == truth[kept]).sum()
    return F.cross_entropy(logits, truth[kept], reduction="sum"), right


def _padded(rows: list[list[int]], filler: int) -> Tensor:
    length = -(-max(map(len, rows)) // LENGTH_STEP) * LENGTH_STEP
    return torch.tensor([row + [filler] * (length - len(row)) for row in rows])


def _attend(layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    length = query.shape[2]
    if query.device.type != "cpu" or length > EXPLICIT:
        return causal(query, key, value)
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    future = torch.full((length, length), float("-inf"), dtype=query.dtype).triu(1)
    logits: Any = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2) + future
    return torch.softmax(logits, dim=-1) @ value
