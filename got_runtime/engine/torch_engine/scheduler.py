"""The rows being decoded together: taking one in, one step for all, and what happens when memory runs out."""

import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

import torch

from got_runtime.engine.ngram_ban import NgramBan
from got_runtime.engine.protocol import Completion, OnToken, Request
from got_runtime.engine.sequence import Sequence
from got_runtime.engine.torch_engine.attention_trace import AttentionTrace
from got_runtime.engine.torch_engine.decoder import AsyncSteps, Decoder
from got_runtime.engine.torch_engine.prefill import Prefill

__all__ = ["Scheduler"]

MARGIN = 256
"""Tokens of answer that room is kept for at first; most pages need more, few need their whole budget."""
TYPICAL = 512
"""Tokens of prompt and first answer by which a page not yet seen is judged."""
_OUT_OF_MEMORY = re.compile("out of memory|(allocate|enough) memory|ALLOC_FAILED")
"""How libraries under torch say it; an "illegal memory access" is another matter."""


class Scheduler:
    """Rows in slots 0, 1, 2…; ``parked`` rows have lost theirs when memory ran out and wait to go on.

    Args:
        decoder: does the arithmetic and keeps keys and values.
        prefill: makes prompts of requests.
        end_tokens: ids that end an answer.
        on_token: told of every token.
        done: where finished answers go, by the order of their requests.
    """

    def __init__(
        self,
        decoder: Decoder,
        prefill: Prefill,
        end_tokens: frozenset[int],
        on_token: OnToken | None,
        done: dict[int, Completion | Exception | None],
    ) -> None:
        self._decoder = decoder
        self._prefill = prefill
        self._end_tokens = end_tokens
        self._on_token = on_token
        self._done = done
        self.live: list[Sequence] = []
        self.parked: deque[Sequence] = deque()
        self._followed = False
        """Whether the decoder that runs ahead knows what the live rows have said."""
        self._begun: tuple[list[Sequence], Callable[[], tuple[list[int], list[float]]]] | None = None
        """The rows of a step that runs, and how to read its tokens."""
        self.limit = 1 << 30
        """Rows together, at most: halved when memory runs out, one more for each answer that was finished since."""

    def fits_another(self) -> bool:
        """Whether there is memory for a page of usual length."""
        return self._decoder.fits(TYPICAL)

    @torch.inference_mode()
    def admit(self, order: int, request: Request | None) -> None:
        """Encode a request and take it in. One that fails is answered with its error."""
        if request is None:
            self._done[order] = None
            return
        began = time.perf_counter()
        try:
            embedded, image = self._prefill.embed(request)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, its neighbours go on
            self._done[order] = error
            return
        encoded = time.perf_counter()
        alignment = AttentionTrace(image, self._prefill.layers) if request.record_attention else None
        ban = NgramBan(request.ngram_ban, request.prompt) if request.ngram_ban else None
        bare = replace(request, pixels=request.pixels[:0])
        self._enter(Sequence(order, bare, embedded, ban, encoded - began, encoded, alignment))

    @torch.inference_mode()
    def resume(self) -> None:
        """Give parked rows their slots again, as far as memory allows; one alone always gets its chance."""
        while self.parked and len(self.live) < self.limit:
            if self.live and not self._decoder.fits(self.parked[0].length + MARGIN):
                return
            row = self.parked.popleft()
            row.forgive(time.perf_counter() - row.left)
            self._enter(row)

    def forgive(self, seconds: float) -> None:
        """Nothing was decoded for so long; parked rows are forgiven when they go on."""
        for row in self.live:
            row.forgive(seconds)

    def _enter(self, row: Sequence) -> None:
        """Run a row's prompt, and what it had decoded before it was parked."""
        slot, fresh = len(self.live), not row.tokens
        room = row.length + 1 + min(row.request.max_new_tokens, MARGIN)
        prompt = self._prefill.extend(row.embedded, row.tokens[:-1])
        try:
            hidden = self._decoder.prefill(slot, prompt, room, row.alignment if fresh else None)
            if fresh:
                self._choose([row], hidden)
        except (MemoryError, RuntimeError) as error:
            self._decoder.release(slot)
            self._make_room(error, row)
            return
        self.live.append(row)
        if self._decoder.ahead is not None and self._followed:
            self._decoder.ahead.follow(slot, row.said, row.request.ngram_ban)
        if fresh:
            self._settle([row])

    @torch.inference_mode()
    def step(self) -> None:
        """One more token for every live row; where the decoder runs ahead, those of the step before."""
        ahead = self._decoder.ahead
        if ahead is not None and not any(row.alignment for row in self.live):
            self._step_ahead(ahead)
            return
        self._catch_up()
        self._followed = False
        rows = self.live
        if not rows:
            return
        try:
            hidden = self._decoder.step(
                [row.tokens[-1] for row in rows], [row.length for row in rows], [row.alignment for row in rows]
            )
            self._choose(rows, hidden)
        except (MemoryError, RuntimeError) as error:
            self._make_room(error)
            return
        self._settle(list(rows))

    def _step_ahead(self, ahead: AsyncSteps) -> None:
        """Begin a step before the last one is read: the device does not wait for what the host makes of its tokens."""
        try:
            if not self._followed:
                for slot, row in enumerate(self.live):
                    ahead.follow(slot, row.said, row.request.ngram_ban)
                self._followed = True
            begun = list(self.live), ahead.launch(len(self.live))
        except (MemoryError, RuntimeError) as error:
            self._make_room(error)
            return
        self._catch_up()
        self._begun = begun

    def _catch_up(self) -> None:
        """Read the step that runs. Rows that have ended since it began said nothing more."""
        if self._begun is None:
            return
        (begun, read), self._begun = self._begun, None
        said = [(row, word) for row, word in zip(begun, zip(*read(), strict=True), strict=True) if row in self.live]
        for row, (token, probability) in said:
            row.take(token, probability)
        self._settle([row for row, _ in said])

    def _choose(self, rows: list[Sequence], hidden: torch.Tensor) -> None:
        banned = [row.ban.banned() if row.ban is not None else () for row in rows]
        tokens, probabilities = self._decoder.choose(hidden, banned)
        for row, token, probability in zip(rows, tokens, probabilities, strict=True):
            row.take(token, probability)

    def _settle(self, rows: list[Sequence]) -> None:
        """Tell the rows' newest tokens and move finished rows out."""
        for row in rows:
            row.settle(self._end_tokens, self._on_token)
        for slot in reversed(range(len(self.live))):
            row = self.live[slot]
            if row.ended:
                self._done[row.order] = row.answer()
                if row.failure is not None:
                    self._decoder.wipe(slot)
                self._vacate(slot)
                if not self.parked:
                    self.limit += 1

    def _make_room(self, error: Exception, newcomer: Sequence | None = None) -> None:
        """Memory ran out: park the newer half of the rows (a newcomer among them) and go on with the others.

        A row that is alone, or a newcomer that failed otherwise, is answered with the error. A step that failed
        otherwise raises it: no row is to blame.
        """
        crowd = len(self.live) + (newcomer is not None)
        self._catch_up()
        short = isinstance(error, MemoryError | torch.OutOfMemoryError) or _OUT_OF_MEMORY.search(str(error)) is not None
        arriving = [newcomer] if newcomer is not None else []
        for row in self.live + arriving:
            if row.alignment is not None:
                row.alignment.rewind(len(row.tokens))
        if short and crowd > 1:
            kept = max(1, (len(self.live) + len(arriving)) // 2)
            leaving = sorted(self.live, key=lambda row: row.order)[kept:]
            for row in leaving:
                self._vacate(self.live.index(row))
            for row in reversed(leaving + arriving):
                row.left = time.perf_counter()
                row.warnings += (f"memory ran out with {crowd} pages together; read on with {kept}",)
                self.parked.appendleft(row)
            self.limit = kept
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
        elif newcomer is not None:
            self._done[newcomer.order] = error
        elif short:
            if self.live:  # it may just have ended
                self._done[self.live[0].order] = error
                self._vacate(0)
        else:
            raise error

    def _vacate(self, slot: int) -> None:
        """The last live row takes the place of a row that leaves."""
        last = self.live.pop()
        if slot < len(self.live):
            self._decoder.move(len(self.live), slot, last.length)
            self.live[slot] = last
        self._decoder.release(len(self.live))
