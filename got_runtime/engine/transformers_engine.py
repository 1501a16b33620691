"""The reference engine: transformers' own ``generate()``, one request at a time."""

import math
import time
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from transformers import StoppingCriteria, StoppingCriteriaList

from got_runtime.engine.protocol import Completion, DecodeFinish, OnToken, Request, engine_closed
from got_runtime.engine.sequence import NOT_FINITE
from got_runtime.engine.torch_engine.allocator import return_freed_memory
from got_runtime.errors import EngineError

__all__ = ["TransformersEngine"]


class TransformersEngine:
    """The engine that every other engine is compared with. It is slow and does not detect loops.

    Args:
        model: transformers' ``GotOcr2ForConditionalGeneration``, in evaluation mode, on its device.
        end_tokens: token ids that end a completion.
    """

    def __init__(self, model: Any, end_tokens: frozenset[int]) -> None:
        self._model: Any = model
        self._end_tokens = end_tokens

    def close(self) -> None:
        """See :class:`got_runtime.engine.protocol.Engine`."""
        if self._model is not None:
            device, self._model = self._model.lm_head.weight.device, None
            return_freed_memory(device)

    def generate(
        self, requests: Iterable[Request | None], on_token: OnToken | None = None
    ) -> Iterator[Completion | Exception | None]:
        """See :class:`got_runtime.engine.protocol.Engine`."""
        for index, request in enumerate(requests):
            if self._model is None:
                raise engine_closed()
            if request is None:
                yield None
                continue
            watch = _Watch(index, request, self._end_tokens, on_token)
            try:
                completion: Completion | Exception = self._decode(request, watch)
            except Exception as error:
                if error is watch.callback_error:
                    raise
                completion = error
            yield completion

    @torch.no_grad()
    def _decode(self, request: Request, watch: "_Watch") -> Completion:
        device, dtype = self._model.lm_head.weight.device, self._model.lm_head.weight.dtype
        started = time.perf_counter()
        prompt = torch.tensor([request.prompt], device=device)
        generated = self._model.generate(
            input_ids=prompt,
            attention_mask=torch.ones_like(prompt),
            pixel_values=request.pixels.to(device, dtype),
            do_sample=False,
            max_new_tokens=request.max_new_tokens,
            no_repeat_ngram_size=request.ngram_ban,
            eos_token_id=sorted(self._end_tokens),
            pad_token_id=min(self._end_tokens),
            output_logits=True,
            return_dict_in_generate=True,
            stopping_criteria=StoppingCriteriaList([watch]),
        )
        tokens: list[int] = generated.sequences[0, len(request.prompt) :].tolist()
        probabilities = [
            float(torch.softmax(logits[0].float(), dim=-1)[token])
            for logits, token in zip(generated.logits, tokens, strict=True)
        ]
        if not all(map(math.isfinite, probabilities)):
            raise EngineError(NOT_FINITE)
        ended = tokens[-1] in self._end_tokens
        kept = len(tokens) - ended
        finish: DecodeFinish = "stop" if ended else "time" if kept < request.max_new_tokens else "length"
        return Completion(
            tokens=tuple(tokens[:kept]),
            probabilities=tuple(probabilities[:kept]),
            finish=finish,
            encode_seconds=watch.first_token_at - started,
            decode_seconds=time.perf_counter() - watch.first_token_at,
        )


class _Watch(StoppingCriteria):
    """Calls ``on_token`` for each token, and stops at the request's time limit.

    ``first_token_at`` is when the first token arrived: vision encoder and prefill come before it.
    """

    def __init__(self, index: int, request: Request, end_tokens: frozenset[int], on_token: OnToken | None) -> None:
        self._index = index
        self._request = request
        self._end_tokens = end_tokens
        self._on_token = on_token
        self.first_token_at = 0.0
        self.callback_error: Exception | None = None

    def __call__(self, input_ids: Tensor, scores: Any, **kwargs: Any) -> Tensor:
        now = time.perf_counter()
        self.first_token_at = self.first_token_at or now
        token = int(input_ids[0, -1])
        if self._on_token is not None and token not in self._end_tokens:
            try:
                self._on_token(self._index, token)
            except Exception as error:
                self.callback_error = error
                raise
        elapsed = now - self.first_token_at
        late = self._request.max_seconds is not None and elapsed > self._request.max_seconds
        return torch.full((1,), late, dtype=torch.bool, device=input_ids.device)
