"""The stages of :mod:`got_runtime.bench.gpu_check`: each measures one thing and says what was expected."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import torch

from got_runtime.bench.document import page_images
from got_runtime.bench.gpu_subject import Check, Finding, median_ms, read_pages, step_ms, token_bytes
from got_runtime.bench.hardware import measure_hardware, timed
from got_runtime.bench.roofline import work_of
from got_runtime.engine.memory import KV_CACHE_FRACTION, free_memory
from got_runtime.engine.protocol import Completion
from got_runtime.engine.registry import make_engine
from got_runtime.engine.torch_engine.device_attention import MAX_DIFFERENCE, probe, why_not_flash
from got_runtime.engine.torch_engine.paged_cache import PagedCache
from got_runtime.engine.torch_engine.prefill import Prefill
from got_runtime.engine.torch_engine.torch_decoder import TorchDecoder
from got_runtime.model.checkpoint import load
from got_runtime.runtime import GotRuntime

__all__ = ["STAGES"]

_STEP_MS = {1: 2.8, 32: 3.8, 128: 7.2, 256: 11.8}
_PAGES = {1: 0.35, 32: 5.3, 128: 17.0, 256: 22.0}
"""Predicted for an H200 by arithmetic, before anything ran there: milliseconds a step, and pages of 1,000 tokens a
second, by batch size."""
_COMPARED_STEPS, _COMPARED_ROWS = 8, 4


def _attention_probe(check: Check) -> Iterator[Finding]:
    tested = check.tested
    text, weight = tested.model.config.text_config, tested.model.lm_head.weight
    name = torch.cuda.get_device_name(tested.device) if check.on_gpu else tested.device.type
    dtype = str(tested.dtype).removeprefix("torch.")
    yield Finding("device", "a GPU", f"{name}, {dtype}, torch {torch.__version__}", check.on_gpu or None)
    cache = PagedCache(1, text.num_key_value_heads, text.hidden_size // text.num_attention_heads, weight, 1)
    reason = why_not_flash(cache.keys[0], text.num_attention_heads)
    if reason is not None:
        yield Finding("flash attention", "compute capability 8.0, torch 2.12, 16 bits", reason)
        return
    difference = probe(cache.keys[0], text.num_attention_heads)
    yield Finding(
        "flash against masked attention",
        f"difference < {MAX_DIFFERENCE}",
        f"{difference:.4f}",
        difference < MAX_DIFFERENCE,
    )


def _tokens(check: Check) -> Iterator[Finding]:
    checkpoint = load(None, check.device, "float32")
    images, settings = list(page_images(2)), {"max_new_tokens": 24, "zoom": "off"}
    texts: list[Any] = []
    for name in ("torch", "transformers"):
        runtime = GotRuntime(checkpoint, make_engine(name, checkpoint))
        texts.append([page.text for page in runtime.stream(images, **settings)])  # type: ignore[arg-type]
    equal = sum(ours == theirs for ours, theirs in zip(*texts, strict=True))
    yield Finding("got-nano in float32 against generate()", "2 of 2 pages equal", f"{equal} of 2", equal == 2)
    yield _steps_against_eager(check)


@torch.inference_mode()
def _steps_against_eager(check: Check) -> Finding:
    """Asynchronous steps, as graphs where there are any, against single steps of another decoder."""
    _, steps = check.decoder(_COMPARED_ROWS)
    eager, other = check.decoder(_COMPARED_ROWS)
    lengths = list(other.lengths)
    newest = [1 + length * 7 % 200 for length in lengths]
    agree = 0
    for _ in range(_COMPARED_STEPS):
        tokens, _ = steps.launch(_COMPARED_ROWS)()
        hidden = eager.step(newest, lengths, [None] * _COMPARED_ROWS)
        expected, _ = eager.choose(hidden, [()] * _COMPARED_ROWS)
        agree += sum(ours == theirs for ours, theirs in zip(tokens, expected, strict=True))
        newest, lengths = tokens, [length + 1 for length in lengths]
    total = _COMPARED_STEPS * _COMPARED_ROWS
    what = "asynchronous steps against single ones"
    return Finding(what, f"≥ {total - 2} of {total} tokens equal", f"{agree} of {total}", agree >= total - 2)


@torch.inference_mode()
def _graphs(check: Check) -> Iterator[Finding]:
    for rows in (1, max(check.batch_sizes)):
        _, steps = check.decoder(rows)
        milliseconds = timed(lambda: steps.launch(rows)(), check.tested.device) * 1e3  # noqa: B023 - called at once
        kind = "captured" if steps.captures_graphs else "without a graph"
        within = steps.captures_graphs and milliseconds < 1000 if check.on_gpu else None
        yield Finding(
            f"first step of {rows} rows", "captured in 60 to 300 ms", f"{kind}, {milliseconds:.0f} ms", within
        )


@torch.inference_mode()
def _attention(check: Check) -> Iterator[Finding]:
    rows = check.batch_sizes[len(check.batch_sizes) // 2]
    _, steps = check.decoder(rows)
    chosen = steps.flash
    times = {}
    for flash in (True, False) if chosen else (False,):
        steps.flash = flash
        steps.resize()  # discards the graphs
        times[flash] = step_ms(steps, rows, check)
    measured = ", ".join(f"{'flash' if flash else 'masked'} {ms:.2f} ms" for flash, ms in times.items())
    faster = times[True] < times[False] if chosen else None
    yield Finding(f"steps of {rows} rows by attention", "flash is chosen and faster", measured, faster)


@torch.inference_mode()
def _steps(check: Check) -> Iterator[Finding]:
    tested, bits = check.tested, check.tested.dtype.itemsize * 8
    work = work_of(tested.model, len(tested.prompt), bits, bits)
    hardware = measure_hardware(tested.device, tested.dtype)
    yield Finding(
        "limits",
        "H200: 4.8 TB/s, 790 TFLOP/s",
        f"{hardware.bandwidth / 1e12:.2f} TB/s, {hardware.flops / 1e12:.1f} TFLOP/s",
    )
    for rows in check.batch_sizes:
        decoder, steps = check.decoder(rows)
        graphed = step_ms(steps, rows, check)
        lengths = list(steps.lengths)
        eager = median_ms(lambda: decoder.step([1] * rows, lengths, [None] * rows), check)  # noqa: B023
        limit = work.step(hardware, rows, len(tested.prompt) + check.tokens / 2) * 1e3
        predicted = f"{_STEP_MS[rows]} ms on an H200, " if rows in _STEP_MS else ""
        measured = f"{graphed:.2f} ms, eager {eager:.2f} ms"
        yield Finding(
            f"steps of {rows} rows", f"{predicted}limit {limit:.2f} ms", measured, _faster(graphed, eager, check)
        )


def _faster(graphed: float, eager: float, check: Check) -> bool | None:
    return graphed < eager if check.on_gpu else None


@torch.inference_mode()
def _encoder(check: Check) -> Iterator[Finding]:
    tested = check.tested
    side, width = tested.image_size, tested.model.config.text_config.hidden_size
    for tiles in (1, 2, 4, 8) if check.on_gpu else (1,):
        prefill = Prefill(tested.model, tiles)
        pixels = torch.randn(tiles, 3, side, side, device=tested.device).to(tested.dtype)
        milliseconds = median_ms(lambda: prefill.encode(pixels), check) / tiles  # noqa: B023
        yield Finding(f"encoder, {tiles} tiles at once", "4 to 9 ms a tile on an H200", f"{milliseconds:.2f} ms a tile")
    decoder = TorchDecoder(tested.model, 1, 1 << 30, run_async=True)
    embedded = torch.randn(len(tested.prompt), width, device=tested.device).to(tested.dtype)
    milliseconds = median_ms(lambda: decoder.prefill(0, embedded, len(embedded) + 256, None), check)
    yield Finding("prefill of a prompt", "2 to 4 ms on an H200", f"{milliseconds:.2f} ms")


def _memory(check: Check) -> Iterator[Finding]:
    """Many short pages and a long one, in the room of eight middling ones."""
    tested = check.tested
    free = free_memory(tested.device)
    room = 8 * (len(tested.prompt) + check.tokens // 2)
    short, long = check.tokens // 3, 2 * check.tokens
    lengths = [*[short] * 6, long, *[short] * 18] if check.on_gpu else [short, long, short]
    outcomes, seconds = read_pages(check, 8, lengths, room * token_bytes(tested))
    failed = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    lost = sum(len(each.tokens) != n for each, n in zip(outcomes, lengths, strict=True) if isinstance(each, Completion))
    yield Finding(
        f"{len(lengths) - 1} pages of {short} tokens and one of {long} in the room of {room}",
        "none lost",
        f"{len(failed)} failed, {lost} cut, {seconds:.1f} s" + "".join(f": {error}" for error in failed[:1]),
        not failed and not lost,
    )
    if check.on_gpu:
        peak = torch.cuda.max_memory_reserved(tested.device)
        most = KV_CACHE_FRACTION * free + 8e9
        yield Finding("memory", f"< {most / 2**30:.0f} GiB", f"{peak / 2**30:.1f} GiB at most", peak < most)


def _pages(check: Check) -> Iterator[Finding]:
    best, rng = 0.0, random.Random(0)
    for rows in check.batch_sizes:
        count = 3 * rows if check.on_gpu else 1
        lengths = [
            max(2, min(4 * check.tokens, int(rng.lognormvariate(-0.125, 0.5) * check.tokens))) for _ in range(count)
        ]
        outcomes, seconds = read_pages(check, rows, lengths, None)
        failed = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        best = max(best, count / seconds)
        predicted = f"{_PAGES[rows]} pages/s on an H200" if rows in _PAGES else "no failures"
        errors = f", {len(failed)} failed: {failed[0]}" if failed else ""
        measured = f"{count / seconds:.2f} pages/s, {sum(lengths) / seconds:.0f} tokens/s{errors}"
        yield Finding(f"pages with batch size {rows}", predicted, measured, not failed)
    yield Finding(
        "best batch size", "≥ 25 pages/s on an H200", f"{best:.2f} pages/s", best >= 25 if check.on_gpu else None
    )


STAGES: dict[str, Callable[[Check], Iterator[Finding]]] = {
    "probe": _attention_probe,
    "tokens": _tokens,
    "graphs": _graphs,
    "attention": _attention,
    "steps": _steps,
    "encoder": _encoder,
    "memory": _memory,
    "pages": _pages,
}
"""In their order: what later ones rest on comes first."""
