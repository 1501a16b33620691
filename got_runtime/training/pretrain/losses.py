"""Losses of the three stages: cell labels for the encoder, guided attention and next tokens for the decoder."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from got_runtime.model.decoder import causal, forward
from got_runtime.model.encoder import encode
from got_runtime.training.padding import IGNORED
from got_runtime.training.pretrain.batches import CLASSES, Batch

GUIDED_LAYERS = (2, 3)
"""Decoder layers whose first head is trained to attend to the image token that holds the next character."""
JUMP_WEIGHT = 6.0
"""Weight, in the attention loss, of characters that do not follow the one before in the picture."""
BLANK_WEIGHT = 0.15
"""Weight of a blank cell, relative to an inked one, in the cell loss."""
BLANK_STEP = 4
"""One blank cell in twice this many enters the cell loss."""
CELL_WEIGHT, ATTENTION_WEIGHT = 0.5, 0.5
"""Of the cell loss in stage 2, and of the attention loss of each guided layer; the text's is 1."""
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
"""CLIP's means and deviations of RGB, which GOT's preprocessor uses."""


@dataclass(frozen=True)
class Losses:
    """The sum to back-propagate, and values for the log (losses in nats, fractions of right answers)."""

    total: Tensor
    values: dict[str, Tensor]


class AuxiliaryHeads(nn.Module):
    """Heads of stages 1 and 2 that label cells from the neck's patches and from image tokens; not in checkpoints."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.patch = nn.Linear(channels, 2 * CLASSES)
        self.token = nn.Linear(width, 16 * 2 * CLASSES)

    def forward(self, neck: Tensor, tokens: Tensor, cells: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The sum of both losses, and values for the log.

        Args:
            neck: ``(n, rows, 64, channels)`` output of the encoder's neck.
            tokens: ``(n, rows·64/16, width)`` image tokens.
            cells: ``(n, rows, 128)`` labels.
        """
        n, rows, columns, _ = neck.shape
        labels = cells.long()
        patch_logits = self.patch(neck).view(n, rows, columns * 2, CLASSES)
        token_logits = self.token(tokens).view(n, rows // 4, columns // 4, 4, 8, CLASSES).transpose(2, 3)
        token_logits = token_logits.reshape(n, rows, columns * 2, CLASSES)
        patch_loss, patch_right = _cell_loss(patch_logits, labels)
        token_loss, token_right = _cell_loss(token_logits, labels)
        values = {"patch": patch_loss, "patch_right": patch_right, "token": token_loss, "token_right": token_right}
        return patch_loss + token_loss, {name: value.detach() for name, value in values.items()}


def _cell_loss(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy with blank cells weighted down, and the fraction of inked cells labelled right."""
    flat, labels = logits.flatten(0, -2), labels.flatten()
    # Most cells are blank: all inked cells and one blank cell in eight are kept.
    every = 2 * BLANK_STEP
    keep = (labels > 0) | (torch.arange(labels.numel(), device=labels.device) % every == BLANK_STEP - 1)
    flat, labels = flat[keep].float(), labels[keep]
    weight = torch.ones(CLASSES, device=flat.device)
    weight[0] = BLANK_WEIGHT * BLANK_STEP
    loss = F.cross_entropy(flat, labels, weight=weight)
    inked = labels > 0
    right = (flat.argmax(-1) == labels)[inked].float().mean() if inked.any() else torch.ones(())
    return loss, right.detach()


def normalise(pixels: Tensor, dtype: torch.dtype) -> Tensor:
    """uint8 RGB ``(n, 3, height, width)`` → GOT's normalised pixels."""
    mean = torch.tensor(MEAN, device=pixels.device).view(1, 3, 1, 1)
    std = torch.tensor(STD, device=pixels.device).view(1, 3, 1, 1)
    return ((pixels.float() / 255 - mean) / std).to(dtype)


def _encode(model: Any, batch: Batch, offset: int) -> tuple[Tensor, Tensor]:
    """Image tokens ``(pictures, tokens, width)`` and the neck's patches of a batch's pictures."""
    core = model.model
    pixels = normalise(batch.pixels, model.lm_head.weight.dtype)
    return encode(core.vision_tower, core.multi_modal_projector, pixels, offset)


def encoder_losses(model: Any, heads: AuxiliaryHeads, batch: Batch, offset: int) -> Losses:
    """Stage 1, encoder and connector: the label of every cell."""
    tokens, neck = _encode(model, batch, offset)
    return Losses(*heads(neck, tokens, batch.cells))


def joint_losses(model: Any, heads: AuxiliaryHeads, batch: Batch, offset: int, prefix: Tensor) -> Losses:
    """Stage 2, everything: the decoder's losses and, with a lower weight, the cell labels."""
    features, neck = _encode(model, batch, offset)
    cells, values = heads(neck, features, batch.cells)
    decoder = decoder_losses(model, features, batch, prefix)
    return Losses(decoder.total + CELL_WEIGHT * cells, {**values, **decoder.values})


@torch.no_grad()
def encode_frozen(model: Any, batch: Batch, offset: int) -> Tensor:
    """Image tokens of a batch's pictures, without gradients: ``(pictures, tokens, width)``."""
    return _encode(model, batch, offset)[0]


def decoder_losses(model: Any, features: Tensor, batch: Batch, prefix: Tensor) -> Losses:
    """Next tokens of the answers, and the attention of the guided heads; the whole loss of stage 3.

    Args:
        features: image tokens ``(pictures, tokens, width)``.
        prefix: token ids of the prompt before the image tokens.
    """
    language = model.model.language_model
    n = batch.tokens.shape[0]
    features = features.reshape(n, -1, features.shape[-1])
    before = language.embed_tokens(prefix).expand(n, -1, -1)
    after = language.embed_tokens(batch.tokens[:, :-1])
    sequence = torch.cat([before, features.to(before.dtype), after], dim=1)
    image = slice(prefix.numel(), prefix.numel() + features.shape[1])
    first = image.stop - 1
    attention = _GuidedAttention()
    positions = torch.arange(sequence.shape[1], device=sequence.device)[None]
    hidden = forward(language, sequence, positions, attention)
    kept = batch.targets != IGNORED
    logits = model.lm_head(hidden[:, first:][kept]).float()
    targets = batch.targets[kept]
    text = F.cross_entropy(logits, targets)
    guided = [attention.loss(layer, image, first, batch.image_targets) for layer in GUIDED_LAYERS]
    total = text + ATTENTION_WEIGHT * sum(loss for loss, _ in guided)
    right = (logits.argmax(-1) == targets).float().mean()
    # These names are those of logs that exist: docs/got-nano/training-log.jsonl.
    values = {"text": text, "right": right, "look": guided[-1][0], **guided[-1][1]}
    return Losses(total, {name: value.detach() for name, value in values.items()})


class _GuidedAttention:
    """Explicit causal attention (the fused kernel's backward is several times slower on a CPU at these lengths).

    Keeps the first head's queries and keys of the guided layers. Without that guidance training does not find the
    alignment between text and page, and the decoder learns letter frequencies only; with it, the head passes the right
    image token's content to the layers above. It is an ordinary head of the network and stays in the checkpoint.
    """

    def __init__(self) -> None:
        self.first_heads: dict[int, tuple[Tensor, Tensor]] = {}

    def __call__(self, layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        if layer in GUIDED_LAYERS:
            self.first_heads[layer] = query[:, 0], key[:, 0]
        if query.device.type != "cpu":
            return causal(query, key, value)
        length = query.shape[2]
        future = torch.full((length, length), float("-inf"), dtype=query.dtype).triu(1)
        logits = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2) + future
        return torch.softmax(logits, dim=-1) @ value

    def loss(self, layer: int, image: slice, first: int, image_targets: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy of the head's attention over the image tokens against the one with the next character.

        Jumps (:func:`jumps`) count more: one that is missed costs the rest of the page. Also the fraction of characters
        whose image token has the highest attention, of all and of the jumps.

        Args:
            image: positions of the image tokens.
            first: position whose next token is the first of ``image_targets``.
            image_targets: ``(n, t)`` image token of each next character, -100 where there is none.
        """
        query, key = self.first_heads[layer]
        queries = query[:, first : first + image_targets.shape[1]]
        logits = (queries @ key[:, image].transpose(-1, -2)).float() * query.shape[-1] ** -0.5
        kept = image_targets != IGNORED
        if not kept.any():
            return logits.sum() * 0.0, {"found": torch.ones(())}
        jump = jumps(image_targets)[kept]
        weight = torch.where(jump, JUMP_WEIGHT, 1.0)
        loss = (F.cross_entropy(logits[kept], image_targets[kept], reduction="none") * weight).sum() / weight.sum()
        found = (logits[kept].argmax(-1) == image_targets[kept]).float()
        return loss, {"found": found.mean(), "leaps_found": found[jump].mean()}


def jumps(image_targets: Tensor) -> Tensor:
    """A mask ``(n, t)``: characters neither on the image token of the one before nor on a neighbour in its row.

    The first character that has an image token is a jump too.
    """
    known = image_targets != IGNORED
    index = torch.arange(image_targets.shape[1], device=image_targets.device).expand_as(image_targets)
    last = torch.where(known, index, -1).cummax(dim=1).values
    before = F.pad(last, (1, 0), value=-1)[:, :-1]
    distance = image_targets - image_targets.gather(1, before.clamp(min=0))
    return known & ((before < 0) | (distance.abs() > 1))
