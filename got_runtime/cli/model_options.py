"""Options that choose the weights, the same for every command that loads some."""

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from got_runtime.runtime import GotRuntime

NANO_NOTICE = (
    "got-nano is the embedded demonstration network: printed English in clear type, up to about 14 lines of 40 "
    "characters; for real documents use --model stepfun-ai/GOT-OCR-2.0-hf"
)


def add_model_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("model")
    group.add_argument("--model", metavar="NAME", help="got-nano (embedded, default), a folder, or a hub id")
    group.add_argument("--revision", help="branch, tag or commit of a hub id")
    group.add_argument("--local-files-only", action="store_true", help="never ask the hub, use its local cache")
    group.add_argument(
        "--device", default="auto", help="auto (default), cpu, cuda, cuda:1; cuda:0,cuda:1 runs one process on each"
    )
    group.add_argument("--dtype", default="auto", help="auto, float32, bfloat16, float16 (default: auto)")
    group.add_argument("--engine", default="torch", help="torch (default), vllm, transformers (reference), scripted")
    group.add_argument("--batch-size", type=int, default=8, metavar="N", help="pages decoded together (default: 8)")
    group.add_argument("--int8", action="store_true", help="8-bit weights, keys and values: faster on a CPU, not exact")


def load_runtime(args: argparse.Namespace) -> "GotRuntime":
    """The runtime that the options ask for; says on stderr what got-nano is good for."""
    from got_runtime.engine.registry import EngineConfig, Quantization
    from got_runtime.model.checkpoint import EMBEDDED
    from got_runtime.runtime import GotRuntime

    devices = args.device.split(",")
    rounding: Quantization = "int8" if args.int8 else "auto"
    runtime = GotRuntime.from_pretrained(
        args.model,
        device=devices[0],
        devices=devices if len(devices) > 1 else (),
        dtype=args.dtype,
        revision=args.revision,
        local_files_only=args.local_files_only,
        engine=args.engine,
        engine_config=EngineConfig(args.batch_size, weight_dtype=rounding, kv_cache_dtype=rounding),
    )
    if runtime.model_info.name == EMBEDDED:
        print(f"got-ocr: {NANO_NOTICE}", file=sys.stderr)
    return runtime
