"""The reference: transformers' own ``generate()``, one request at a time."""

import math
import time
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from transformers import StoppingCriteria, StoppingCriteriaList

from got_runtime.engine.protocol import Completion, FinishReason, OnToken, Request
from got_runtime.engine.sequence import NOT_FINITE
from got_runtime.errors import EngineError

__all__ = ["TransformersEngine"]


class TransformersEngine:
    """What every other engine is compared with. Slow, and it knows no loops: an answer that repeats itself runs on.

    Args:
        model: the port's ``GotOcr2ForConditionalGeneration``, in evaluation mode, on its device.
        end_tokens: ids that end an answer.
    """

    def __init__(self, model: Any, end_tokens: frozenset[int]) -> None:
        self._model = model
        self._end_tokens = end_tokens

    def answer(
        self, requests: Iterable[Request | None], on_token: OnToken | None = None
    ) -> Iterator[Completion | Exception | None]:
        """See :class:`got_runtime.engine.protocol.Engine`."""
        for order, request in enumerate(requests):
            if request is None:
                yield None
                continue
            watch = _Watch(order, request, self._end_tokens, on_token)
            try:
                answer: Completion | Exception = self._generate(request, watch)
            except Exception as error:
                if error is watch.raised:
                    raise
                answer = error
            yield answer

    @torch.no_grad()
    def _generate(self, request: Request, watch: "_Watch") -> Completion:
        device, dtype = self._model.lm_head.weight.device, self._model.lm_head.weight.dtype
        began = time.perf_counter()
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
        finish: FinishReason = "stop" if ended else "time" if kept < request.max_new_tokens else "length"
        return Completion(
            tokens=tuple(tokens[:kept]),
            probabilities=tuple(probabilities[:kept]),
            finish=finish,
            encode_seconds=watch.first - began,
            decode_seconds=time.perf_counter() - watch.first,
        )


class _Watch(StoppingCriteria):
    """Tells tokens as they come, and stops at the request's time limit.

    ``first`` is when the first token came: encoder and prefill lie before it.
    """

    def __init__(self, order: int, request: Request, end_tokens: frozenset[int], on_token: OnToken | None) -> None:
        self._order = order
        self._request = request
        self._end_tokens = end_tokens
        self._on_token = on_token
        self.first = 0.0
        self.raised: Exception | None = None

    def __call__(self, input_ids: Tensor, scores: Any, **kwargs: Any) -> Tensor:
        now = time.perf_counter()
        self.first = self.first or now
        token = int(input_ids[0, -1])
        if self._on_token is not None and token not in self._end_tokens:
            try:
                self._on_token(self._order, token)
            except Exception as error:
                self.raised = error
                raise
        late = self._request.max_seconds is not None and now - self.first > self._request.max_seconds
        return torch.full((1,), late, dtype=torch.bool, device=input_ids.device)
