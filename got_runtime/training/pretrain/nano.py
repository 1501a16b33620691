"""got-nano's architecture: GOT's classes, geometry and special tokens, small enough to ship inside the package.

The vocabulary is GOT's without its merges: 256 bytes, then the same special tokens in the same order. One token is one
byte (one character of English), every string can be encoded, and the official prompts can be used.
"""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from got_runtime.model.prompt import SYSTEM
from got_runtime.synth.sample import VIEW_SIDE

SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    *(f"<|extra_{i}|>" for i in range(205)),
    *("<ref>", "</ref>", "<box>", "</box>", "<quad>", "</quad>", "<img>", "</img>", "<imgpad>"),
)
"""GOT's special tokens in the order of their ids (the first is 151,643 there and 256 here)."""

READABLE_CHARACTER_WIDTH = 42
"""Pixels of a view from which a page is read as well whole as in zoomed views of its lines."""

_PRE_TOKENIZER = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""Pre-tokenisation pattern of transformers' GOT-OCR2 weight converter."""


def build_tokenizer() -> Any:
    """Byte-level BPE without merges, with GOT's special tokens."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {character: i for i, character in enumerate(alphabet)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PRE_TOKENIZER), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIAL_TOKENS])
    # The system prompt is the same in every request: one token instead of 87 halves the cost of training on strips.
    tokenizer.add_tokens([AddedToken(f"system\n{SYSTEM}", special=False, normalized=False)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|endoftext|>",
        pad_token="<|endoftext|>",
        model_max_length=8000,
        clean_up_tokenization_spaces=False,
    )


def build_config(vocabulary: int, image_token: int) -> Any:
    """A ``GotOcr2Config`` of 15.2 M parameters; 1024×1024 pixels → 256 image tokens."""
    from transformers import GotOcr2Config

    config = GotOcr2Config(
        vision_config={
            "hidden_size": 192,
            "output_channels": 256,
            "num_hidden_layers": 5,
            "num_attention_heads": 3,
            "mlp_dim": 768,
            "window_size": 8,
            "global_attn_indexes": [3],
            "image_size": VIEW_SIDE,
            "patch_size": 16,
        },
        text_config={
            "model_type": "qwen2",
            "vocab_size": vocabulary,
            "hidden_size": 384,
            "intermediate_size": 896,
            "num_hidden_layers": 5,
            "num_attention_heads": 6,
            "num_key_value_heads": 6,
            "max_position_embeddings": 32768,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1_000_000.0},
            "tie_word_embeddings": True,
            "eos_token_id": None,
            "bos_token_id": None,
        },
        image_token_index=image_token,
        image_seq_length=256,
        tie_word_embeddings=True,
    )
    config.readable_character_width = READABLE_CHARACTER_WIDTH
    return config


def build_model(seed: int = 0) -> Any:
    """A newly initialised network in float32.

    transformers' own initialisation leaves the encoder at zero (``initializer_range`` 1e-10, zero positions), which
    never learns. Here the encoder's linear layers get a truncated normal of 0.04, its positions a normal of 0.02 and
    its convolutions Kaiming's.
    """
    from transformers import GotOcr2ForConditionalGeneration

    torch.manual_seed(seed)
    tokenizer = build_tokenizer()
    model = GotOcr2ForConditionalGeneration(build_config(len(tokenizer), tokenizer.convert_tokens_to_ids("<imgpad>")))
    for module in [*model.model.vision_tower.modules(), *model.model.multi_modal_projector.modules()]:
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="linear")
        elif isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.04)
    nn.init.normal_(model.model.vision_tower.pos_embed, std=0.02)
    return model


def muon_parameters(model: Any) -> set[nn.Parameter]:
    """Matrices between two hidden layers: neither embeddings and positions, nor the first convolution, nor vectors."""
    core = model.model
    hidden = (core.vision_tower.layers, core.vision_tower.neck, core.multi_modal_projector, core.language_model.layers)
    named = (pair for part in hidden for pair in part.named_parameters())
    return {weight for name, weight in named if weight.ndim > 1 and "rel_pos" not in name}


def save_checkpoint(model: Any, folder: Path) -> None:
    """A standard transformers folder: configuration, weights in bf16, tokenizer and processor files."""
    from transformers import GenerationConfig, GotOcr2ImageProcessorPil, GotOcr2Processor

    tokenizer = build_tokenizer()
    ends = tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"])
    # The official n-gram ban is 20 tokens of about four characters each; here a token is one character.
    model.generation_config = GenerationConfig(
        eos_token_id=ends, pad_token_id=ends[1], max_new_tokens=4096, no_repeat_ngram_size=80
    )
    model.save_pretrained(folder, state_dict={k: v.to(torch.bfloat16) for k, v in model.state_dict().items()})
    image_processor = GotOcr2ImageProcessorPil(size={"height": VIEW_SIDE, "width": VIEW_SIDE})
    GotOcr2Processor(image_processor, tokenizer).save_pretrained(folder)
