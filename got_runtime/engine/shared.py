"""One batch for all callers of an engine, whatever their threads: sessions, fairness, cancelling, interrupts.

No thread belongs to the engine. A caller's :meth:`~got_runtime.engine.protocol.Session.step` runs one step for the rows
of all sessions and leaves the events of the others in their sessions; the threads of the others wait for them. The
thread that made the last step makes the next one if it returns soon, because every thread that makes steps gets helper
threads of OpenMP of its own.

Over 300 lines because what its sessions share changes together, under one lock.
"""

import itertools
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from got_runtime.engine.protocol import (
    Completed,
    Completion,
    Event,
    Failure,
    Request,
    Token,
    engine_closed,
    engine_of_another_process,
)
from got_runtime.engine.rows import Rows
from got_runtime.engine.sequence import Sequence
from got_runtime.engine.threads import release_helper_threads

__all__ = ["SharedBatch"]

MAX_QUEUED = 8
"""Requests of all sessions that wait for rows, with their pixels, while rows are free. One begins in each step."""
CLOSE_TIMEOUT_S = 1.0
STEPS_PER_PREFILL = 3.0
"""Time of steps for each second of prefilling further pages, while a session waits for its first completion."""
WAIT_S = 0.05
"""Longest time that a step waits for another thread's: afterwards its caller may have more requests."""
GRACE_S = 0.001
"""Time in which the thread that made the last step may make the next one, before another thread does."""


@dataclass(eq=False)
class _Member:
    """The state of one session, behind the lock of the batch."""

    tokens: bool
    changed: threading.Condition
    queue: deque[tuple[int, Sequence]] = field(default_factory=deque)
    """Requests that have not begun."""
    rows: dict[int, Sequence] = field(default_factory=dict)
    """Requests that have begun, until their last event."""
    events: list[Event] = field(default_factory=list)
    served: float = 0.0
    """When one of its requests began, for the order of sessions."""
    waits_for_first: bool = True
    """Whether none of its requests has ended."""
    closed: bool = False


class SharedBatch:
    """The sessions of one engine.

    Args:
        rows: what the engine decodes.
        clock: seconds, to compare the time of prefilling with that of steps.
    """

    def __init__(self, rows: Rows, clock: Callable[[], float] = time.perf_counter) -> None:
        self._rows = rows
        self._clock = clock
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._members: list[_Member] = []
        self._waiting: list[_Member] = []
        """Sessions whose threads wait for another's step."""
        self._cancelled: list[Sequence] = []
        self._driver: _Member | None = None
        """The session whose thread makes a step now."""
        self._last: _Member | None = None
        """The session whose thread made the last step, while it may make the next one."""
        self._left = 0.0
        """When the last step ended."""
        self._interrupted = False
        """True while rows are changed, and after an exception left them half changed."""
        self._closed = False
        self._numbers = itertools.count()
        self._threads = threading.local()
        """``made_step`` is set in threads that have made a step: they have helper threads of OpenMP."""
        self._prefill_ahead = 0.0
        """Seconds of prefilling that too few steps have followed, while a session waits for its first completion."""

    @property
    def batch_size(self) -> int:
        """Sequences that are decoded together, at most."""
        return self._rows.batch_size

    def session(self, tokens: bool = True) -> "SharedSession":
        """See :class:`got_runtime.engine.protocol.Engine`."""
        self._check_process()
        member = _Member(tokens, threading.Condition(self._lock))
        with self._lock:
            if self._closed:
                raise engine_closed()
            self._members.append(member)
        return SharedSession(self, member)

    def close(self) -> None:
        """See :class:`got_runtime.engine.protocol.Engine`. A step that runs in another thread ends first."""
        if self._is_forked():
            return
        with self._lock:
            if self._closed:
                return
            self._closed = True
            for member in self._members:
                member.changed.notify_all()
            idle = self._driver is None
        if idle:
            self._rows.close()

    def has_room(self, member: _Member) -> bool:
        """See :class:`got_runtime.engine.protocol.Session`."""
        self._check_process()
        with self._lock:
            self._check_open(member)
            if not member.queue:
                return True
            if len(member.queue) >= self._rows.encode_batch and any(
                each.waits_for_first and each is not member and (each.queue or each.rows) for each in self._members
            ):
                return False  # few begin until then, and whoever makes them had better leave the cores to the steps
            queued = sum(len(each.queue) for each in self._members)
            running = sum(len(each.rows) for each in self._members)
            return queued < max(self._rows.encode_batch, min(self.batch_size - running, MAX_QUEUED))

    def add(self, member: _Member, id: int, request: Request) -> None:
        """See :class:`got_runtime.engine.protocol.Session`."""
        self._check_process()
        sequence = Sequence.of(next(self._numbers), request)
        with self._lock:
            self._check_open(member)
            member.queue.append((id, sequence))

    def cancel(self, member: _Member, id: int) -> None:
        """See :class:`got_runtime.engine.protocol.Session`."""
        self._check_process()
        with self._lock:
            member.queue = deque(queued for queued in member.queue if queued[0] != id)
            member.events = [event for event in member.events if event.id != id]
            if id in member.rows:
                self._cancelled.append(member.rows.pop(id))
            idle = self._drive_if_idle(member)
        if idle:
            self._leave(member)

    def close_session(self, member: _Member) -> None:
        """See :class:`got_runtime.engine.protocol.Session`."""
        member.closed = True
        if self._is_forked():
            return
        # The garbage collector may close a forgotten generator while this thread holds the lock; the next step of any
        # session removes its rows then.
        if not self._lock.acquire(timeout=CLOSE_TIMEOUT_S):
            return
        try:
            idle = self._drive_if_idle(member)
            if self._last is member:
                self._last = None
        finally:
            self._lock.release()
        if idle:
            self._leave(member)
        self._release_helpers()

    def _release_helpers(self) -> None:
        """End the calling thread's helper threads, for another thread makes the steps, or none does."""
        if getattr(self._threads, "made_step", False):
            self._threads.made_step = False
            release_helper_threads()

    def _drive_if_idle(self, member: _Member) -> bool:
        """Become the driver, to remove rows, unless another thread is and will do it."""
        idle = self._driver is None and not self._closed
        if idle:
            self._driver = member
        return idle

    def step(self, member: _Member) -> list[Event]:
        """See :class:`got_runtime.engine.protocol.Session`."""
        self._check_process()
        try:
            if self._enter(member):
                self._threads.made_step = True
                self._make_step()
            else:
                self._release_helpers()
        except Exception as error:
            if self._closed:
                raise engine_closed() from error
            raise
        finally:
            if self._driver is member:
                self._leave(member)
        with self._lock:
            self._check_open(member)
            events, member.events = member.events, []
            return events

    def _is_forked(self) -> bool:
        """Whether this is a copy of the engine in a forked process. A lock that another thread held is never released
        there, and the helper threads of OpenMP do not exist."""
        return os.getpid() != self._process

    def _check_process(self) -> None:
        if self._is_forked():
            raise engine_of_another_process()

    def _check_open(self, member: _Member) -> None:
        if self._closed:
            raise engine_closed()
        if member.closed:
            raise ValueError("the session is closed")

    def _enter(self, member: _Member) -> bool:
        """Wait until the session has events, or becomes the driver (then the result is true), or time is up."""
        deadline = time.monotonic() + WAIT_S
        with self._lock:
            self._waiting.append(member)
            try:
                while True:
                    self._check_open(member)
                    if member.events or not (member.queue or member.rows):
                        return False
                    now = time.monotonic()
                    until = deadline
                    if self._driver is None:
                        until = self._left + GRACE_S
                        if self._last in (None, member) or now >= until:
                            self._driver = self._last = member
                            return True
                    elif now >= deadline:
                        return False
                    member.changed.wait(until - now)
            finally:
                self._waiting.remove(member)

    def _leave(self, member: _Member) -> None:
        """End being the driver: remove what was cancelled, and wake the sessions that have something to do."""
        while True:
            try:
                self._settle()
            finally:
                with self._lock:
                    closing = self._closed
                    more = not (closing or self._interrupted) and self._has_cancelled()
                    if not more:
                        self._driver, self._left = None, time.monotonic()
                        if not (member.queue or member.rows):
                            self._last = None
                        self._wake()
            if closing:
                self._rows.close()
            if not more:
                return

    def _has_cancelled(self) -> bool:
        return bool(self._cancelled) or any(member.closed for member in self._members)

    def _wake(self) -> None:
        """Wake the sessions that have events, and one that has none, to make the next step if nobody does."""
        idle = [member for member in self._waiting if not member.events]
        for member in self._members:
            if member.events:
                member.changed.notify_all()
        if idle:
            idle[0].changed.notify_all()

    def _settle(self) -> None:
        """Remove cancelled rows, or what an exception has left half done."""
        with self._lock:
            if self._closed or not (self._interrupted or self._has_cancelled()):
                return
            cancelled, self._cancelled = self._cancelled, []
            for member in self._members:
                if member.closed:
                    cancelled += member.rows.values()
            self._members = [member for member in self._members if not member.closed]
            for member in self._members:  # a request that had begun may still be in the queue
                member.queue = deque(queued for queued in member.queue if queued[0] not in member.rows)
            rows = self._all_rows()
        interrupted, self._interrupted = self._interrupted, True
        if interrupted:
            self._rows.recover(rows)
        else:
            for sequence in cancelled:
                self._rows.remove(sequence)
        self._interrupted = False

    def _all_rows(self) -> list[Sequence]:
        return [sequence for member in self._members for sequence in member.rows.values()]

    def _make_step(self) -> None:
        """One step for the rows of all sessions: at most one request begins, and every row gets a token."""
        self._settle()
        with self._lock:
            rows = self._all_rows()
            away = time.monotonic() - self._left
        for sequence in rows:
            if sequence.preempted_at is None:
                sequence.exclude_from_time_limit(away)
        self._interrupted = True
        started = self._clock()
        begins = self._next()
        if begins is not None:
            self._rows.begin(begins, self._upcoming())
        begun = self._clock()
        if begins is not None or rows:
            self._rows.step()
        self._collect()
        self._interrupted = False
        paid = (self._clock() - begun) / STEPS_PER_PREFILL
        self._prefill_ahead = max(0.0, self._prefill_ahead + (begun - started) - paid)

    def _next(self) -> Sequence | None:
        """Take the next request from the queues, if there is room for it.

        The session with the fewest rows is next, and of several the one that was served least recently. A session
        without rows may have one beyond the batch size, so that its first page need not wait for a row to end. While a
        session waits for its first completion, prefilling further pages takes at most a quarter of the time.
        """
        with self._lock:
            first_waits = any(member.waits_for_first and member.rows for member in self._members)
            if not first_waits:
                self._prefill_ahead = 0.0
            queued = [member for member in self._members if member.queue and not member.closed]
            if not queued:
                return None
            member = min(queued, key=lambda each: (len(each.rows), each.served))
            id, sequence = member.queue[0]
        if not self._rows.has_room(extra=not member.rows):
            return None
        begins_its_first = member.waits_for_first and not member.rows
        if first_waits and not begins_its_first and self._prefill_ahead > 0:
            return None
        with self._lock:
            if member.closed or not member.queue or member.queue[0][1] is not sequence:  # cancelled meanwhile
                return None
            member.rows[id] = sequence
            member.queue.popleft()
            member.served = time.monotonic()
        return sequence

    def _upcoming(self) -> list[Sequence]:
        """The requests that follow in the queues, as many as are encoded together with one that begins."""
        most = self._rows.encode_batch - 1
        if not most:
            return []
        with self._lock:
            queued = [[sequence for _, sequence in member.queue] for member in self._members if not member.closed]
        in_turns = [each for turn in itertools.zip_longest(*queued) for each in turn if each is not None]
        return in_turns[:most]

    def _collect(self) -> None:
        """Turn the rows' new tokens and ends into events."""
        with self._lock:
            for member in self._members:
                ended = []
                for id, sequence in member.rows.items():
                    if member.tokens and sequence.failure is None and len(sequence.tokens) > sequence.reported:
                        member.events += [Token(id, token) for token in sequence.tokens[sequence.reported :]]
                        sequence.reported = len(sequence.tokens)
                    if sequence.ended:
                        outcome = sequence.result()
                        member.events.append(
                            Completed(id, outcome) if isinstance(outcome, Completion) else Failure(id, outcome)
                        )
                        ended.append(id)
                for id in ended:
                    del member.rows[id]
                    member.waits_for_first = False


class SharedSession:
    """See :class:`got_runtime.engine.protocol.Session`."""

    def __init__(self, batch: SharedBatch, member: _Member) -> None:
        self._batch = batch
        self._member = member

    @property
    def batch_size(self) -> int:
        return self._batch.batch_size

    def has_room(self) -> bool:
        return self._batch.has_room(self._member)

    def add(self, id: int, request: Request) -> None:
        self._batch.add(self._member, id, request)

    def step(self) -> list[Event]:
        return self._batch.step(self._member)

    def cancel(self, id: int) -> None:
        self._batch.cancel(self._member, id)

    def close(self) -> None:
        if not self._member.closed:
            self._batch.close_session(self._member)
