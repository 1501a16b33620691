"""An engine that replays given texts, for tests of the code above the network."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from got_runtime.engine.protocol import Completion, DecodeFinish, OnToken, Request, engine_closed

__all__ = ["ScriptedEngine"]


class ScriptedEngine:
    """Replays ``answers`` token by token, one for each request in order. The last one is repeated.

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
        self._latency = seconds_per_token
        self.closed = False

    def close(self) -> None:
        """See :class:`got_runtime.engine.protocol.Engine`."""
        self.closed = True

    def generate(
        self, requests: Iterable[Request | None], on_token: OnToken | None = None
    ) -> Iterator[Completion | Exception | None]:
        """See :class:`got_runtime.engine.protocol.Engine`. One request is decoded at a time."""
        used = 0
        for index, request in enumerate(requests):
            if self.closed:
                raise engine_closed()
            if request is None:
                yield None
                continue
            scripted = self._answers[min(used, len(self._answers) - 1)]
            used += 1
            yield scripted if isinstance(scripted, Exception) else self._replay(index, scripted, request, on_token)

    def _replay(self, index: int, text: str, request: Request, on_token: OnToken | None) -> Completion:
        started = time.perf_counter()
        tokens = self._encode(text)
        kept = tokens[: request.max_new_tokens]
        for token in kept:
            time.sleep(self._latency)
            if on_token is not None:
                on_token(index, token)
        finish: DecodeFinish = "stop" if len(kept) == len(tokens) else "length"
        return Completion(kept, (1.0,) * len(kept), finish, 0.0, time.perf_counter() - started)
