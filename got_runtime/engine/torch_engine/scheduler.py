"""The sequences that are decoded together: adding one, a step for all, and preemption when memory runs out."""

import logging
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import replace

import torch
from torch import Tensor

from got_runtime.engine.memory import is_out_of_memory
from got_runtime.engine.sequence import Sequence
from got_runtime.engine.torch_engine.attention_trace import AttentionTrace
from got_runtime.engine.torch_engine.decoder import AsyncSteps, Decoder, StepResult
from got_runtime.engine.torch_engine.prefill import Prefill

__all__ = ["Scheduler"]

RESERVED_NEW_TOKENS = 256
"""New tokens that KV cache is allocated for at first; most pages need more, few need their whole ``max_new_tokens``."""
TYPICAL_TOKENS = 512
"""Tokens of prompt and first completion of a typical page; decides whether there is memory for another one."""

logger = logging.getLogger(__name__)


class Scheduler:
    """The rows of the torch engine: decodes sequences in slots 0, 1, 2…. See :class:`~got_runtime.engine.rows.Rows`.

    Args:
        make_decoder: a decoder with an empty KV cache. Its graphs are kept while it is; one without graphs is made anew
            when the batch is empty, because it measures the free memory.
        prefill: embeds prompts.
        end_tokens: token ids that end a completion.
        batch_size: sequences that are decoded together, at most, besides an extra one.
        encode_batch: requests of one tile that are encoded together, at most.

    Attributes:
        running: the sequences in the slots, in this order.
        waiting: preempted sequences, in the order in which they resume.
        max_running: sequences that may run together. It is halved when memory runs out, and grows by one for each
            completion afterwards.
    """

    def __init__(
        self,
        make_decoder: Callable[[], Decoder],
        prefill: Prefill,
        end_tokens: frozenset[int],
        batch_size: int,
        encode_batch: int = 1,
    ) -> None:
        self._make_decoder = make_decoder
        self._decoder = make_decoder()
        self._prefill = prefill
        self._end_tokens = end_tokens
        self.batch_size = batch_size
        self.encode_batch = encode_batch
        self.running: list[Sequence] = []
        self.waiting: deque[Sequence] = deque()
        self.max_running = 1 << 30
        self._in_sync = False
        """True if the device token buffer is in sync with ``running``."""
        self._in_flight: tuple[list[Sequence], Callable[[], StepResult]] | None = None
        """The sequences of an asynchronous step, and the function that waits for its result."""

    def has_room(self, extra: bool) -> bool:
        if self.waiting or len(self.running) >= min(self.batch_size + extra, self.max_running):
            return False
        return not self.running or self._decoder.has_room(TYPICAL_TOKENS)

    @torch.inference_mode()
    def begin(self, sequence: Sequence, upcoming: Collection[Sequence] = ()) -> None:
        if not self.running and not self.waiting:
            self.max_running = 1 << 30
            if self._decoder.async_steps is None:
                self._decoder = self._make_decoder()
        self._embed_together([sequence, *upcoming])
        if sequence.embedded is not None or self._embed(sequence):
            sequence.started = time.perf_counter()
            self._start(sequence)

    def _embed_together(self, sequences: Collection[Sequence]) -> None:
        """Encode requests of one tile together. Where that fails nothing changes: each is encoded by itself then."""
        sequences = [each for each in sequences if each.embedded is None and len(each.request.pixels) == 1]
        if len(sequences) < 2:
            return
        started = time.perf_counter()
        try:
            encoded = self._prefill.embed_together([sequence.request for sequence in sequences])
        except Exception as error:  # noqa: BLE001 - of one request, or for want of memory: see above
            logger.debug("%d requests are not encoded together: %s", len(sequences), error)
            return
        seconds = (time.perf_counter() - started) / len(sequences)
        for sequence, each in zip(sequences, encoded, strict=True):
            self._set_embedded(sequence, *each, seconds)

    def _embed(self, sequence: Sequence) -> bool:
        """Encode a request's tiles; False if that failed: whatever is wrong with one request, the others go on."""
        started = time.perf_counter()
        try:
            encoded = self._prefill.embed(sequence.request)
        except Exception as error:  # noqa: BLE001
            sequence.failure = error
            return False
        sequence.started = time.perf_counter()
        self._set_embedded(sequence, *encoded, sequence.started - started)
        return True

    def _set_embedded(self, sequence: Sequence, embedded: Tensor, image_positions: Tensor, seconds: float) -> None:
        """The request gives up its pixels."""
        sequence.embedded, sequence.encode_seconds = embedded, seconds
        if sequence.request.record_attention:
            sequence.attention_trace = AttentionTrace(image_positions)
        sequence.request = replace(sequence.request, pixels=sequence.request.pixels[:0])

    def close(self) -> None:
        self.running, self.waiting = [], deque()
        del self._decoder, self._make_decoder, self._prefill

    @torch.inference_mode()
    def remove(self, sequence: Sequence) -> None:
        if sequence in self.running:
            self._remove(self.running.index(sequence))
        elif sequence in self.waiting:
            self.waiting.remove(sequence)

    def recover(self, sequences: Collection[Sequence]) -> None:
        self._decoder = self._make_decoder()
        self._in_flight, self._in_sync, self.running = None, False, []
        left = [sequence for sequence in sequences if not sequence.ended]
        for sequence in left:
            sequence.discard_interrupted_step()
            if sequence.preempted_at is None:
                sequence.preempted_at = time.perf_counter()
        self.waiting = deque(sorted(left, key=lambda sequence: sequence.number))

    def _resume(self) -> None:
        """Prefill waiting sequences again as far as memory allows. A single sequence always runs."""
        while self.waiting and len(self.running) < min(self.batch_size + 1, self.max_running):
            sequence = self.waiting[0]
            if self.running and not self._decoder.has_room(sequence.length + RESERVED_NEW_TOKENS):
                return
            self.waiting.popleft()
            if sequence.embedded is None and not self._embed(sequence):
                continue
            sequence.exclude_from_time_limit(time.perf_counter() - (sequence.preempted_at or time.perf_counter()))
            sequence.preempted_at = None
            self._start(sequence)

    def _start(self, sequence: Sequence) -> None:
        """Prefill a sequence's prompt, and the tokens that it had generated before it was preempted."""
        assert sequence.embedded is not None
        slot, is_new = len(self.running), not sequence.tokens
        capacity = sequence.length + 1 + min(sequence.request.max_new_tokens, RESERVED_NEW_TOKENS)
        embedded = self._prefill.extend(sequence.embedded, sequence.tokens[:-1])
        try:
            hidden = self._decoder.prefill(slot, embedded, capacity, sequence.attention_trace if is_new else None)
            if is_new:
                self._append_tokens([sequence], hidden)
        except (MemoryError, RuntimeError) as error:
            self._decoder.release(slot)
            self._handle_error(error, sequence)
            return
        self.running.append(sequence)
        if self._decoder.async_steps is not None and self._in_sync:
            self._decoder.async_steps.set_tokens(slot, sequence.all_tokens, sequence.request.ngram_ban)
        if is_new:
            self._check_finished([sequence])

    @torch.inference_mode()
    def step(self) -> None:
        """Generate one token for each running sequence; with asynchronous steps, the tokens of the previous step."""
        self._resume()
        if not self.running:
            return
        async_steps = self._decoder.async_steps
        if async_steps is not None:
            self._step_async(async_steps)
            return
        batch = self.running
        try:
            hidden = self._decoder.step(
                [sequence.tokens[-1] for sequence in batch],
                [sequence.length for sequence in batch],
                [sequence.attention_trace for sequence in batch],
            )
            self._append_tokens(batch, hidden)
        except (MemoryError, RuntimeError) as error:
            self._handle_error(error)
            return
        self._check_finished(list(batch))

    def _step_async(self, async_steps: AsyncSteps) -> None:
        """Launch a step before reading the last one, so that the device does not wait for the host."""
        try:
            if not self._in_sync:
                for slot, sequence in enumerate(self.running):
                    async_steps.set_tokens(slot, sequence.all_tokens, sequence.request.ngram_ban)
                self._in_sync = True
            traces = [sequence.attention_trace for sequence in self.running]
            launched = list(self.running), async_steps.launch(len(self.running), traces)
        except (MemoryError, RuntimeError) as error:
            self._handle_error(error)
            return
        self._read_in_flight()
        self._in_flight = launched

    def _read_in_flight(self) -> None:
        """Read the asynchronous step, if there is one. Tokens of sequences that have ended since are discarded."""
        if self._in_flight is None:
            return
        (batch, read), self._in_flight = self._in_flight, None
        running = set(self.running)
        generated = [
            (sequence, choice)
            for sequence, choice in zip(batch, zip(*read(), strict=True), strict=True)
            if sequence in running
        ]
        for sequence, (token, probability) in generated:
            sequence.append_token(token, probability)
        self._check_finished([sequence for sequence, _ in generated])

    def _append_tokens(self, batch: list[Sequence], hidden: torch.Tensor) -> None:
        banned = [sequence.ban.banned() if sequence.ban is not None else () for sequence in batch]
        tokens, probabilities = self._decoder.choose(hidden, banned)
        for sequence, token, probability in zip(batch, tokens, probabilities, strict=True):
            sequence.append_token(token, probability)

    def _check_finished(self, batch: list[Sequence]) -> None:
        """Check the newest token of each sequence, and remove the finished ones."""
        for sequence in batch:
            sequence.check_finished(self._end_tokens)
        for slot in reversed(range(len(self.running))):
            sequence = self.running[slot]
            if sequence.ended:
                if sequence.failure is not None:
                    self._decoder.zero(slot)
                self._remove(slot)
                if not self.waiting:
                    self.max_running += 1

    def _handle_error(self, error: Exception, new: Sequence | None = None) -> None:
        """Preempt sequences if memory ran out; otherwise raise the error, or make it the result of a new sequence.

        Args:
            error: of a step, or of the prefill of ``new``.
            new: the sequence that was being prefilled.
        """
        batch_size = len(self.running) + (new is not None)
        self._read_in_flight()
        out_of_memory = is_out_of_memory(error)
        for sequence in [*self.running, *([new] if new is not None else [])]:
            if sequence.attention_trace is not None:
                sequence.attention_trace.truncate(len(sequence.tokens))
        if out_of_memory and batch_size > 1:
            self._preempt(batch_size, new, error)
        elif new is not None:
            new.failure = error
        elif out_of_memory:
            if self.running:  # the only sequence may have ended in the step that was just read
                self.running[0].failure = error
                self._remove(0)
        else:
            raise error

    def _preempt(self, batch_size: int, new: Sequence | None, error: Exception) -> None:
        """Move the newer half of the sequences, a new one among them, from the slots to ``waiting``."""
        arriving = [new] if new is not None else []
        kept = max(1, (len(self.running) + len(arriving)) // 2)
        logger.warning("memory ran out with %d pages together (%s): continuing with %d", batch_size, error, kept)
        preempted = sorted(self.running, key=lambda sequence: sequence.number)[kept:]
        for sequence in preempted:
            self._remove(self.running.index(sequence))
        for sequence in reversed(preempted + arriving):
            sequence.preempted_at = time.perf_counter()
            sequence.warnings += (f"memory ran out with {batch_size} pages together; continued with {kept}",)
            self.waiting.appendleft(sequence)
        self.max_running = kept
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _remove(self, slot: int) -> None:
        """Free a slot; the sequence in the last slot moves there."""
        last = self.running.pop()
        if slot < len(self.running):
            self._decoder.move(len(self.running), slot, last.length)
            self.running[slot] = last
        self._decoder.release(len(self.running))
