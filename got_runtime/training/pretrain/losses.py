"""What each stage asks of the network: dense characters, where to look next, and the text itself."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from got_runtime.model.decoder import causal, forward
from got_runtime.model.encoder import encode
from got_runtime.training.pretrain.batches import CLASSES, IGNORED, Batch

LOOK_LAYERS = (2, 3)
"""Decoder layers whose first head is taught to look at the image token that holds the next character."""
LEAP_WEIGHT = 6.0
BLANK_WEIGHT = 0.15
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class Losses:
    """Sums to back-propagate and readings for the log (nats; shares of right answers)."""

    total: Tensor
    readings: dict[str, Tensor]


class DenseHeads(nn.Module):
    """Throw-away heads of stages 1 and 2: characters from the neck's patches and from the connector's tokens."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.patch = nn.Linear(channels, 2 * CLASSES)
        self.token = nn.Linear(width, 16 * 2 * CLASSES)

    def forward(self, neck: Tensor, tokens: Tensor, dense: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        n, rows, columns, _ = neck.shape
        truth = dense.long()
        patch_logits = self.patch(neck).view(n, rows, columns * 2, CLASSES)
        token_logits = self.token(tokens).view(n, rows // 4, columns // 4, 4, 8, CLASSES).transpose(2, 3)
        token_logits = token_logits.reshape(n, rows, columns * 2, CLASSES)
        patch_loss, patch_right = _character_loss(patch_logits, truth)
        token_loss, token_right = _character_loss(token_logits, truth)
        readings = {"patch": patch_loss, "patch_right": patch_right, "token": token_loss, "token_right": token_right}
        return patch_loss + token_loss, readings


def _character_loss(logits: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy with paper weighted down, and the share of inked cells read right."""
    flat, labels = logits.flatten(0, -2), truth.flatten()
    # Most paper says nothing: keep the inked cells and one paper cell in eight.
    keep = (labels > 0) | (torch.arange(labels.numel(), device=labels.device) % 8 == 3)
    flat, labels = flat[keep].float(), labels[keep]
    weight = torch.ones(CLASSES, device=flat.device)
    weight[0] = BLANK_WEIGHT * 4
    loss = F.cross_entropy(flat, labels, weight=weight)
    inked = labels > 0
    right = (flat.argmax(-1) == labels)[inked].float().mean() if inked.any() else torch.ones(())
    return loss, right.detach()


def normalise(pixels: Tensor, dtype: torch.dtype) -> Tensor:
    """uint8 RGB → GOT's normalised pixels."""
    mean = torch.tensor(MEAN, device=pixels.device).view(1, 3, 1, 1)
    std = torch.tensor(STD, device=pixels.device).view(1, 3, 1, 1)
    return ((pixels.float() / 255 - mean) / std).to(dtype)


def stage_one(model: Any, heads: DenseHeads, batch: Batch, offset: int) -> Losses:
    """Encoder and connector: every cell of the page says which character it shows."""
    core = model.model
    tokens, neck = encode(
        core.vision_tower, core.multi_modal_projector, normalise(batch.pixels, heads.patch.weight.dtype), offset
    )
    total, readings = heads(neck, tokens, batch.dense)
    return Losses(total, readings)


def stage_two(model: Any, heads: DenseHeads, batch: Batch, offset: int, head: Tensor) -> Losses:
    """Everything: the losses of the decoder and the dense labels (weight 0.5)."""
    core = model.model
    image, neck = encode(
        core.vision_tower, core.multi_modal_projector, normalise(batch.pixels, heads.patch.weight.dtype), offset
    )
    dense, readings = heads(neck, image, batch.dense)
    decoded = decoder_losses(model, image, batch, head)
    return Losses(decoded.total + 0.5 * dense, {**readings, **decoded.readings})


@torch.no_grad()
def image_tokens(model: Any, batch: Batch, offset: int) -> Tensor:
    """What encoder and connector, frozen, make of a batch's pictures: ``(pictures, tokens, width)``."""
    core = model.model
    image, _ = encode(
        core.vision_tower, core.multi_modal_projector, normalise(batch.pixels, model.lm_head.weight.dtype), offset
    )
    return image


def decoder_losses(model: Any, image: Tensor, batch: Batch, head: Tensor) -> Losses:
    """The text, and the place of the next character (weight 0.5 a layer); all there is to stage 3.

    ``head``: ids of the prompt before the image tokens.
    """
    language = model.model.language_model
    n = batch.tokens.shape[0]
    image = image.reshape(n, -1, image.shape[-1])
    before = language.embed_tokens(head).expand(n, -1, -1)
    sequence = torch.cat([before, image.to(before.dtype), language.embed_tokens(batch.tokens[:, :-1])], dim=1)
    begin, first = head.numel(), head.numel() + image.shape[1] - 1
    attention = _WatchedAttention()
    positions = torch.arange(sequence.shape[1], device=sequence.device)[None]
    hidden = forward(language, sequence, positions, attention)
    kept = batch.targets != IGNORED
    logits = model.lm_head(hidden[:, first:][kept]).float()
    truth = batch.targets[kept]
    text = F.cross_entropy(logits, truth)
    looks = [attention.look_loss(i, slice(begin, begin + image.shape[1]), first, batch.places) for i in LOOK_LAYERS]
    total = text + 0.5 * sum(loss for loss, _ in looks)
    right = (logits.argmax(-1) == truth).float().mean()
    return Losses(total, {"text": text, "right": right, "look": looks[-1][0], **looks[-1][1]})


class _WatchedAttention:
    """Explicit causal attention (the fused kernel's backward is several times slower on a CPU at these lengths).

    Keeps the first head's queries and keys of the layers that are taught where to look. Without that guidance the
    alignment between text and page is not found and the decoder learns letter frequencies only; with it the head hands
    the right token's content to the layers above. It is an ordinary head of the network: nothing is thrown away.
    """

    def __init__(self) -> None:
        self.first_heads: dict[int, tuple[Tensor, Tensor]] = {}

    def __call__(self, layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        if layer in LOOK_LAYERS:
            self.first_heads[layer] = query[:, 0], key[:, 0]
        if query.device.type != "cpu":
            return causal(query, key, value)
        length = query.shape[2]
        future = torch.full((length, length), float("-inf"), dtype=query.dtype).triu(1)
        logits = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2) + future
        return torch.softmax(logits, dim=-1) @ value

    def look_loss(self, layer: int, image: slice, first: int, places: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy of the head's attention over the image tokens against where the next character stands.

        The few places that lie elsewhere than beside the last one (an answer's first, a line's first) count more: one
        that is missed costs the rest of the page. Also the share of places found, and of those.
        """
        query, key = self.first_heads[layer]
        asking = query[:, first : first + places.shape[1]]
        logits = (asking @ key[:, image].transpose(-1, -2)).float() * query.shape[-1] ** -0.5
        kept = places != IGNORED
        if not kept.any():
            return logits.sum() * 0.0, {"found": torch.ones(())}
        far = leaps(places)[kept]
        weight = torch.where(far, LEAP_WEIGHT, 1.0)
        loss = (F.cross_entropy(logits[kept], places[kept], reduction="none") * weight).sum() / weight.sum()
        found = (logits[kept].argmax(-1) == places[kept]).float()
        return loss, {"found": found.mean(), "leaps_found": found[far].mean()}


def leaps(places: Tensor) -> Tensor:
    """Which known places of ``(n, t)`` are their row's first, or neither that of the one before nor next to it."""
    known = places != IGNORED
    order = torch.arange(places.shape[1], device=places.device).expand_as(places)
    last = torch.where(known, order, -1).cummax(dim=1).values
    before = F.pad(last, (1, 0), value=-1)[:, :-1]
    distance = places - places.gather(1, before.clamp(min=0))
    return known & ((before < 0) | (distance.abs() > 1))
