"""An engine that replays answers: for tests of what stands above the network, where a network would only be slow."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from got_runtime.engine.protocol import Completion, FinishReason, OnToken, Request


class ScriptedEngine:
    """Replays ``answers`` token by token, one for each request in their order; the last one again when they run out.

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

    def answer(
        self, requests: Iterable[Request | None], on_token: OnToken | None = None
    ) -> Iterator[Completion | Exception | None]:
        """See :class:`got_runtime.engine.protocol.Engine`; strictly one request at a time."""
        told = 0
        for order, request in enumerate(requests):
            if request is None:
                yield None
                continue
            scripted = self._answers[min(told, len(self._answers) - 1)]
            told += 1
            yield scripted if isinstance(scripted, Exception) else self._replay(order, scripted, request, on_token)

    def _replay(self, order: int, text: str, request: Request, on_token: OnToken | None) -> Completion:
        began = time.perf_counter()
        tokens = self._encode(text)
        kept = tokens[: request.max_new_tokens]
        for token in kept:
            time.sleep(self._latency)
            if on_token is not None:
                on_token(order, token)
        finish: FinishReason = "stop" if len(kept) == len(tokens) else "length"
        return Completion(kept, (1.0,) * len(kept), finish, 0.0, time.perf_counter() - began)
