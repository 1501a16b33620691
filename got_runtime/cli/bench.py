"""``got-ocr bench``: measures speed and memory, and compares speed with the limits of the hardware."""

import argparse
from typing import TYPE_CHECKING

from got_runtime.cli.bench_options import check_options, named_engines, named_sizes
from got_runtime.cli.common import non_empty_path, positive_int, print_notice

if TYPE_CHECKING:
    from got_runtime.bench.roofline import Work
    from got_runtime.bench.stages import TorchStages
    from got_runtime.engine.registry import Quantization

_MEMORY_FRACTION = 0.8
"""Of the free memory that a KV cache may take; activations and page images need the rest."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "bench",
        help="measure speed and memory",
        description="Measure the encoder, prefill and decoding steps of a page, or one of the measurements below.",
    )
    measurement = parser.add_argument_group("measurement").add_mutually_exclusive_group()
    measurement.add_argument(
        "--document", type=positive_int, metavar="N", help="read a document of N pages from start to end"
    )
    measurement.add_argument(
        "--callers",
        type=positive_int,
        metavar="N",
        help="read a page in each of N threads, against one stream of N pages",
    )
    measurement.add_argument(
        "--serve",
        type=positive_int,
        metavar="N",
        help="read a page for each of N clients of the service over loopback, against one stream of N pages",
    )
    measurement.add_argument(
        "--steady", type=positive_int, metavar="N", help="read N pages; print speed and memory of each tenth"
    )
    measurement.add_argument(
        "--busy",
        type=positive_int,
        metavar="N",
        help="read N pages alone, then beside processes that use one core, and all",
    )
    measurement.add_argument(
        "--pages", type=positive_int, metavar="N", help="render a PDF of N pages; print the memory used"
    )
    settings = parser.add_argument_group("settings")
    settings.add_argument(
        "--model",
        default="random",
        metavar="NAME",
        help="random (random weights of the official size, the default), got-nano, a folder, or an id on the hub",
    )
    settings.add_argument("--device", default="auto", help="auto (default), cpu or cuda")
    settings.add_argument(
        "--dtype", default="auto", metavar="TYPE", help="auto (default), float32, bfloat16 or float16"
    )
    settings.add_argument(
        "--batch-size", default="1,8,32", metavar="N,…", help="pages decoded together (default: 1,8,32)"
    )
    settings.add_argument(
        "--threads",
        type=positive_int,
        metavar="N",
        help="CPU threads (default: what the process may use, fewer while other processes use the cores)",
    )
    settings.add_argument(
        "--tokens", type=positive_int, default=1000, metavar="N", help="tokens decoded for a page (default: 1000)"
    )
    settings.add_argument(
        "--rounds", type=positive_int, default=3, metavar="N", help="measurements of each engine (default: 3)"
    )
    settings.add_argument(
        "--against", default="", metavar="ENGINE,…", help="also measure transformers; with --document also vllm"
    )
    settings.add_argument(
        "--int8", action="store_true", help="also measure an 8-bit KV cache, and 8-bit weights with an 8-bit KV cache"
    )
    output = parser.add_argument_group("output")
    output.add_argument("--json", type=non_empty_path, metavar="FILE", help="write the measurements to FILE")
    output.add_argument(
        "--plot", type=non_empty_path, metavar="FILE", help="draw them in FILE, .png or .svg (needs the charts extra)"
    )
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    from got_runtime.bench.report import write_json

    check_options(args)
    if args.pages:
        from got_runtime.bench.memory import measure_memory

        memory = measure_memory(args.pages)
        print("\n".join(memory.lines()))
        if args.json:
            write_json(memory, args.json)
        return 0
    batch_sizes = named_sizes(args.batch_size)
    against = named_engines(args.against)
    if args.document or args.steady or args.busy or args.callers or args.serve:
        return _read_pages(args, batch_sizes, against)
    return _time_stages(args, batch_sizes, against)


def _time_stages(args: argparse.Namespace, batch_sizes: tuple[int, ...], against: list[str]) -> int:
    """Encoder, prefill and step of each engine; a long page follows from them."""
    from got_runtime.bench.hardware import measure_hardware
    from got_runtime.bench.model_under_test import load_model_under_test
    from got_runtime.bench.report import speed_lines, write_json, write_plot
    from got_runtime.bench.roofline import work_of
    from got_runtime.bench.speed import SpeedReport, measure_speed
    from got_runtime.bench.stages import Stages, TorchStages, TransformersStages
    from got_runtime.engine.processor import code_path
    from got_runtime.engine.threads import use_threads
    from got_runtime.errors import EngineError

    if "vllm" in against:
        raise EngineError("--against vllm: its stages cannot be timed apart; add --document N")
    use_threads(args.threads)
    tested = load_model_under_test(args.model, args.device, args.dtype)
    prompt, bits = len(tested.prompt), tested.model.lm_head.weight.element_size() * 8
    engines: list[tuple[Stages, Work]] = []
    for weights, cache in (("auto", "auto"), ("auto", "int8"), ("int8", "int8")) if args.int8 else (("auto", "auto"),):
        widths = (8 if each == "int8" else bits for each in (weights, cache))
        engines.append((TorchStages(tested, batch_sizes, weights, cache), work_of(tested.model, prompt, *widths)))
    left_out = tuple(
        line for stages, _ in engines if isinstance(stages, TorchStages) for line in _fit(stages, args.tokens)
    )
    for line in left_out:
        print_notice(line)
    work = engines[0][1]
    if against:
        engines.append((TransformersStages(tested), work))
    hardware = measure_hardware(tested.device, tested.dtype)
    report = SpeedReport(
        model=tested.name,
        dtype=str(tested.dtype).removeprefix("torch."),
        prompt=prompt,
        tokens=args.tokens,
        rounds=args.rounds,
        hardware=hardware,
        code=code_path(str(tested.device), str(tested.dtype).removeprefix("torch.")),
        left_out=left_out,
        encode_limit=work.encode(hardware),
        prefill_limit=work.prefill(hardware),
        engines=measure_speed(
            engines,
            hardware,
            device=tested.device,
            prompt=prompt,
            tokens=args.tokens,
            rounds=args.rounds,
            on_progress=print_notice,
        ),
    )
    print("\n".join(speed_lines(report)))
    if args.json:
        write_json(report, args.json)
    if args.plot:
        write_plot(report, args.plot)
    return 0


def _fit(stages: "TorchStages", tokens: int) -> list[str]:
    """Leave out the batch sizes that do not fit into memory.

    Returns:
        A sentence for each of them.

    Raises:
        EngineError: none fits.
    """
    from got_runtime.engine.memory import free_memory
    from got_runtime.errors import EngineError

    free = free_memory(stages.device)
    needed = {size: stages.kv_cache_bytes(size, tokens) for size in stages.batch_sizes}
    lines = [
        f"left out: {stages.name} with batch size {size}, whose KV cache takes {bytes_ / 2**30:.1f} GiB "
        f"({free / 2**30:.1f} GiB are free)"
        for size, bytes_ in needed.items()
        if bytes_ > _MEMORY_FRACTION * free
    ]
    stages.batch_sizes = tuple(size for size, bytes_ in needed.items() if bytes_ <= _MEMORY_FRACTION * free)
    if not stages.batch_sizes:
        raise EngineError(f"{lines[0]}: give a smaller --batch-size or --tokens")
    return lines


def _read_pages(args: argparse.Namespace, batch_sizes: tuple[int, ...], against: list[str]) -> int:
    """Read whole documents with the runtime, as a user does."""
    from got_runtime.bench.document import measure_document, measure_steady
    from got_runtime.bench.model_under_test import RANDOM
    from got_runtime.bench.neighbours import measure_busy
    from got_runtime.bench.report import write_json, write_steady_plot
    from got_runtime.engine.registry import EngineConfig
    from got_runtime.runtime import GotRuntime

    model = None if args.model == RANDOM else args.model  # random weights have nothing to read

    def runtime(engine: str, quantization: "Quantization" = "auto") -> GotRuntime:
        config = EngineConfig(
            max(batch_sizes), weight_dtype=quantization, kv_cache_dtype=quantization, threads=args.threads
        )
        return GotRuntime.from_pretrained(
            model, device=args.device, dtype=args.dtype, engine=engine, engine_config=config
        )

    if args.busy:
        busy = measure_busy(runtime("torch"), args.busy, args.tokens, print_notice)
        print("\n".join(busy.lines()))
        if args.json:
            write_json(busy, args.json)
        return 0
    if args.callers:
        import torch

        from got_runtime.bench.callers import measure_callers

        read = runtime("torch")
        device = torch.device(read.model_info.device)
        report = measure_callers(read, args.callers, args.tokens, args.rounds, device=device, on_progress=print_notice)
        print("\n".join(report.lines()))
        if args.json:
            write_json(report, args.json)
        return 0
    if args.serve:
        from got_runtime.bench.serve import measure_serve

        served = measure_serve(runtime("torch"), args.serve, args.tokens, args.rounds, print_notice)
        print("\n".join(served.lines()))
        if args.json:
            write_json(served, args.json)
        return 0
    if args.steady:
        steady = measure_steady(runtime("torch"), args.steady, args.tokens)
        print("\n".join(steady.lines()))
        if args.json:
            write_json(steady, args.json)
        if args.plot:
            write_steady_plot(steady, args.plot)
        return 0
    engines = [("torch", runtime("torch"))]
    engines += [("torch, int8", runtime("torch", "int8"))] if args.int8 else []
    engines += [(name, runtime(name)) for name in against]
    document = measure_document(engines, args.document, args.tokens, args.rounds, print_notice)
    print("\n".join(document.lines()))
    if args.json:
        write_json(document, args.json)
    return 0
