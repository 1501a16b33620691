"""Small networks and pairs of image and text to fine-tune them on."""

import json
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageDraw
from transformers import GotOcr2Config, GotOcr2ForConditionalGeneration

from got_runtime.training.finetune.dataset import Pair, read_pairs
from got_runtime.training.pretrain.nano import build_tokenizer, save_checkpoint

NARROW = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2}
WIDE = {"hidden_size": 1024, "intermediate_size": 2816, "num_attention_heads": 16, "num_key_value_heads": 16}


def save_network(folder: Path, text: dict[str, int], vision: int, heads: int) -> Path:
    """A random network of two layers that encodes 256×256 pixels as 16 tokens; its folder."""
    tokenizer = build_tokenizer()
    config = GotOcr2Config(
        vision_config={
            "image_size": 256,
            "hidden_size": vision,
            "num_attention_heads": heads,
            "mlp_dim": 2 * vision,
            "num_hidden_layers": 2,
            "global_attn_indexes": [1],
        },
        text_config={
            "model_type": "qwen2",
            "vocab_size": len(tokenizer),
            "num_hidden_layers": 2,
            "tie_word_embeddings": True,
            "bos_token_id": None,
            "eos_token_id": None,
        }
        | text,
        image_token_index=tokenizer.convert_tokens_to_ids("<imgpad>"),
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    model: Any = GotOcr2ForConditionalGeneration(config)
    for name, parameter in model.named_parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.05 if "language_model" in name else parameter[0].numel() ** -0.5)
    save_checkpoint(model, folder)
    settings = folder / "processor_config.json"
    settings.write_text(settings.read_text().replace("1024", "256"))
    return folder


def draw(path: Path, text: str) -> str:
    """Write a picture of a word; its file name."""
    image = Image.new("RGB", (256, 256), "white")
    ImageDraw.Draw(image).text((10, 40), text, fill="black", font_size=40)
    image.save(path)
    return path.name


def swift(image: str | list[str], answer: str, query: str = "<image>OCR: ") -> dict[str, Any]:
    """A pair in ms-swift's layout."""
    turns = [{"role": "user", "content": query}, {"role": "assistant", "content": answer}]
    return {"messages": turns, "images": image if isinstance(image, list) else [image]}


def write_lines(path: Path, rows: list[Any]) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def pairs_of(file: Path) -> tuple[Pair, ...]:
    return read_pairs(file).pairs


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}
