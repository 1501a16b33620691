"""Networks of random weights, test pages, and the reference of every engine: the tokens of transformers' network.

The reference is always ``GotOcr2ForConditionalGeneration.generate()``, one request at a time, with the same prompt and
pixels.
"""

from typing import Any

import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn
from transformers import GotOcr2Config, GotOcr2ForConditionalGeneration

from got_runtime import Box, Color, Formatted, MultiPage, Plain, Tiles
from got_runtime.engine.protocol import Request
from got_runtime.model.checkpoint import LoadedModel
from got_runtime.model.image_processor import ImageProcessor
from got_runtime.pipeline.preprocess import build_request
from got_runtime.tasks import PageFrame, Task
from got_runtime.training.pretrain.nano import build_tokenizer

TASKS: list[Task] = [
    Plain(),
    Formatted(),
    Box(20, 30, 200, 90),
    Color(color="red"),
    Tiles(max_tiles=2),
    MultiPage(),
]

BUDGET = 24
"""Tokens of a request: enough for dozens of choices of a random network."""


def drawn_page(number: int = 0) -> Image.Image:
    """A wide page, which is split into two tiles side by side."""
    image = Image.new("RGB", (480, 240), "white")
    draw = ImageDraw.Draw(image)
    draw.text((20, 20), f"Page {number}: the quick brown fox\njumps over the lazy dog", fill="black", font_size=24)
    draw.rectangle((200, 100 + 9 * (number % 10), 400, 200), outline="red", fill=(40 * number % 256, 200, 90), width=4)
    return image


def network(image_size: int, vision: dict[str, Any], text: dict[str, Any], scale: float) -> LoadedModel:
    """A random network with got-nano's tokenizer. With a small ``scale`` it repeats one token."""
    tokenizer = build_tokenizer().backend_tokenizer
    config = GotOcr2Config(
        vision_config={"image_size": image_size, "patch_size": 16, "window_size": 14, "output_channels": 256} | vision,
        text_config={
            "model_type": "qwen2",
            "vocab_size": tokenizer.get_vocab_size(),
            "rope_parameters": {"rope_type": "default", "rope_theta": 1_000_000.0},
            "tie_word_embeddings": True,
            "bos_token_id": None,
            "eos_token_id": None,
        }
        | text,
        image_token_index=tokenizer.token_to_id("<imgpad>"),
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    model = GotOcr2ForConditionalGeneration(config).eval()
    for name, parameter in model.named_parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=scale if "language_model" in name else 1 / parameter[0].numel() ** 0.5)
    for name, parameter in model.model.vision_tower.named_parameters():
        if "pos" in name:  # absolute and relative positions, which transformers initialises with zeros
            nn.init.normal_(parameter, std=0.3)
    return LoadedModel(
        name="random",
        revision=None,
        model=model,
        tokenizer=tokenizer,
        image_processor=ImageProcessor((image_size, image_size), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)),
        tokens_per_tile=(image_size // 64) ** 2,
        image_token=config.image_token_index,
        end_tokens=frozenset({tokenizer.token_to_id("<|im_end|>"), tokenizer.token_to_id("<|endoftext|>")}),
        ngram_ban=20,
    )


NARROW_VISION = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "mlp_dim": 64,
    "global_attn_indexes": [1],
}
NARROW_TEXT = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
GOT_VISION = {
    "hidden_size": 768,
    "num_hidden_layers": 2,
    "num_attention_heads": 12,
    "mlp_dim": 3072,
    "global_attn_indexes": [1],
}
GOT_TEXT = {
    "hidden_size": 1024,
    "intermediate_size": 2816,
    "num_hidden_layers": 2,
    "num_attention_heads": 16,
    "num_key_value_heads": 16,
}


def request_for(checkpoint: LoadedModel, task: Task, budget: int = BUDGET, number: int = 0) -> Request:
    pages = [drawn_page(number), drawn_page(number + 1)] if isinstance(task, MultiPage) else [drawn_page(number)]
    query = task.query(PageFrame(*pages[0].size))
    return build_request(checkpoint, pages, task, query.text, budget)


def generated(checkpoint: LoadedModel, request: Request) -> list[int]:
    """The tokens of transformers' network, without the end token."""
    return generated_with_logits(checkpoint, request)[0]


def generated_with_logits(checkpoint: LoadedModel, request: Request) -> tuple[list[int], Tensor]:
    """The tokens of transformers' network, and the logits of every step, ``(steps, vocabulary)``."""
    model = checkpoint.model
    prompt = torch.tensor([request.prompt])
    output = model.generate(
        input_ids=prompt,
        attention_mask=torch.ones_like(prompt),
        pixel_values=request.network_pixels(model.device, model.dtype),
        do_sample=False,
        max_new_tokens=request.max_new_tokens,
        no_repeat_ngram_size=request.ngram_ban,
        eos_token_id=sorted(checkpoint.end_tokens),
        pad_token_id=min(checkpoint.end_tokens),
        output_logits=True,
        return_dict_in_generate=True,
    )
    tokens: list[int] = output.sequences[0, len(request.prompt) :].tolist()
    ended = tokens[-1] in checkpoint.end_tokens
    return tokens[: len(tokens) - ended], torch.cat(output.logits)
