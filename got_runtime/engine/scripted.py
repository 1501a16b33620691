"""An engine that replays given texts, for tests of the code above the network."""

import time
from collections import deque
from collections.abc import Callable, Sequence

from got_runtime.engine.protocol import (
    Completed,
    Completion,
    DecodeFinish,
    Event,
    Failure,
    Request,
    Session,
    Token,
    engine_closed,
)

__all__ = ["ScriptedEngine"]


class ScriptedEngine:
    """Replays ``answers`` token by token, one for each request of a session in order. The last one is repeated.

    Each session decodes one request at a time.

    Args:
        encode: text to token ids, such as :meth:`got_runtime.model.checkpoint.LoadedModel.encode`.
        answers: texts, or exceptions for requests that are to fail.
        seconds_per_token: latency of each token.
    """

    def __init__(
        self,
        encode: Callable[[str], tuple[int, ...]],
        answers: Sequence[str | Exception],
        seconds_per_token: float = 0.0,
    ) -> None:
        self._encode = encode
        self._answers = answers
        self.latency = seconds_per_token
        self.closed = False

    def close(self) -> None:
        """See :class:`got_runtime.engine.protocol.Engine`."""
        self.closed = True

    def session(self, tokens: bool = True) -> Session:
        """See :class:`got_runtime.engine.protocol.Engine`."""
        session = _ScriptedSession(self, tokens)
        session.has_room()  # raises if the engine is closed
        return session

    def answer(self, number: int, request: Request) -> Completion | Exception:
        """The outcome of a request; tests override it.

        Args:
            number: of the request in its session, counted from 0.
            request: decides with its ``max_new_tokens`` where the answer is cut off.
        """
        scripted = self._answers[min(number, len(self._answers) - 1)]
        if isinstance(scripted, Exception):
            return scripted
        tokens = self._encode(scripted)
        kept = tokens[: request.max_new_tokens]
        finish: DecodeFinish = "stop" if len(kept) == len(tokens) else "length"
        return Completion(kept, (1.0,) * len(kept), finish, 0.0, len(kept) * self.latency)


class _ScriptedSession:
    """See :class:`got_runtime.engine.protocol.Session`."""

    batch_size = 1

    def __init__(self, engine: ScriptedEngine, tokens: bool) -> None:
        self._engine = engine
        self._tokens = tokens
        self._events: deque[Event] = deque()
        self._added = 0

    def has_room(self) -> bool:
        if self._engine.closed:
            raise engine_closed()
        return not self._events

    def add(self, id: int, request: Request) -> None:
        outcome = self._engine.answer(self._added, request)
        self._added += 1
        if isinstance(outcome, Completion):
            self._events += [*(Token(id, token) for token in outcome.tokens), Completed(id, outcome)]
        else:
            self._events.append(Failure(id, outcome))

    def step(self) -> list[Event]:
        if self._engine.closed:
            raise engine_closed()
        if not self._events:
            return []
        event = self._events.popleft()
        if not isinstance(event, Token):
            return [event]
        time.sleep(self._engine.latency)
        return [event] if self._tokens else []

    def cancel(self, id: int) -> None:
        self._events = deque(event for event in self._events if event.id != id)

    def close(self) -> None:
        self._events.clear()
