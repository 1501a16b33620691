"""The reference engine: transformers' own ``generate()``, one request at a time."""

import math
import queue
import threading
import time
from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor
from transformers import StoppingCriteria, StoppingCriteriaList

from got_runtime.engine.protocol import Session
from got_runtime.engine.sequence import NOT_FINITE, Sequence
from got_runtime.engine.shared import SharedBatch
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
        self._device: torch.device = model.lm_head.weight.device
        self._batch = SharedBatch(_OneRow(model, end_tokens))

    def session(self, tokens: bool = True) -> Session:
        """See :class:`got_runtime.engine.protocol.Engine`."""
        return self._batch.session(tokens)

    def close(self) -> None:
        """See :class:`got_runtime.engine.protocol.Engine`."""
        self._batch.close()
        return_freed_memory(self._device)


class _OneRow:
    """See :class:`got_runtime.engine.rows.Rows`. A thread runs ``generate()`` and hands over one token after another.

    The thread lives as long as its request.
    """

    batch_size = 1
    encode_batch = 1

    def __init__(self, model: Any, end_tokens: frozenset[int]) -> None:
        self._model = model
        self._end_tokens = end_tokens
        self._generation: _Generation | None = None

    def has_room(self, extra: bool) -> bool:
        return self._generation is None

    def begin(self, sequence: Sequence, upcoming: Collection[Sequence] = ()) -> None:
        self._generation = _Generation(self._model, sequence, self._end_tokens)
        self._generation.start()

    def step(self) -> None:
        if self._generation is not None and not self._generation.step():
            self._generation = None

    def remove(self, sequence: Sequence) -> None:
        if self._generation is not None and self._generation.sequence is sequence:
            self._generation.stop()
            self._generation = None

    def recover(self, sequences: Collection[Sequence]) -> None:
        if self._generation is not None:
            self._generation.stop()
            self._generation = None
        for sequence in sequences:
            if not sequence.ended:
                sequence.tokens.clear()  # the same ones follow; those that were reported are not reported again
                self.begin(sequence)

    def close(self) -> None:
        if self._generation is not None:
            self._generation.stop()
        del self._model, self._generation


class _Generation(StoppingCriteria):
    """One call of ``generate()``. The thread waits after each token until the next one is asked for."""

    def __init__(self, model: Any, sequence: Sequence, end_tokens: frozenset[int]) -> None:
        self.sequence = sequence
        self._model = model
        self._end_tokens = end_tokens
        self._tokens: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        """Tokens as they are generated; None at the end."""
        self._wanted = threading.Semaphore(0)
        self._stopped = False
        self._first_token_at = 0.0
        self._generated: Any = None
        self._error: Exception | None = None
        self._started = time.perf_counter()
        self._thread = threading.Thread(target=self._run, name="got-ocr generate", daemon=True)

    def start(self) -> None:
        """Begin: the thread runs until the first token."""
        self._thread.start()

    def step(self) -> bool:
        """Append a token to the sequence; False when it has ended."""
        self._wanted.release()
        token = self._tokens.get()
        if token is not None:
            if token not in self._end_tokens:
                self.sequence.tokens.append(token)
            return True
        self._thread.join()
        if self._error is None:
            self._finish()
        else:
            self.sequence.failure = self._error
        return False

    def stop(self) -> None:
        """End the thread."""
        self._stopped = True
        self._wanted.release()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._generated = self._generate()
        except Exception as error:  # noqa: BLE001 - the request fails
            self._error = error
        self._tokens.put(None)

    def __call__(self, input_ids: Tensor, scores: Any, **kwargs: Any) -> Tensor:
        now = time.perf_counter()
        if not self._first_token_at:
            self._first_token_at = self.sequence.started = now
        limit = self.sequence.request.max_seconds
        late = limit is not None and now - self.sequence.started > limit
        self._tokens.put(int(input_ids[0, -1]))
        self._wanted.acquire()
        return torch.full((1,), late or self._stopped, dtype=torch.bool, device=input_ids.device)

    @torch.no_grad()
    def _generate(self) -> Any:
        request = self.sequence.request
        device, dtype = self._model.lm_head.weight.device, self._model.lm_head.weight.dtype
        prompt = torch.tensor([request.prompt], device=device)
        return self._model.generate(
            input_ids=prompt,
            attention_mask=torch.ones_like(prompt),
            pixel_values=request.network_pixels(device, dtype),
            do_sample=False,
            max_new_tokens=request.max_new_tokens,
            no_repeat_ngram_size=request.ngram_ban,
            eos_token_id=sorted(self._end_tokens),
            pad_token_id=min(self._end_tokens),
            output_logits=True,
            return_dict_in_generate=True,
            stopping_criteria=StoppingCriteriaList([self]),
        )

    @torch.no_grad()
    def _finish(self) -> None:
        """Set the sequence's tokens, probabilities and finish reason."""
        sequence, request = self.sequence, self.sequence.request
        tokens: list[int] = self._generated.sequences[0, len(request.prompt) :].tolist()
        probabilities = [
            float(torch.softmax(logits[0].float(), dim=-1)[token])
            for logits, token in zip(self._generated.logits, tokens, strict=True)
        ]
        if not all(map(math.isfinite, probabilities)):
            sequence.failure = EngineError(NOT_FINITE)
            return
        ended = tokens[-1] in self._end_tokens
        kept = len(tokens) - ended
        sequence.tokens, sequence.probabilities = tokens[:kept], probabilities[:kept]
        sequence.encode_seconds = self._first_token_at - self._started
        sequence.finish = "stop" if ended else "time" if kept < request.max_new_tokens else "length"
