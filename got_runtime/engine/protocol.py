"""The contract of every engine: requests in, completions out."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from got_runtime.errors import EngineError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Completion", "DecodeFinish", "Engine", "OnToken", "Request", "RequestSource", "engine_closed"]

DecodeFinish = Literal["stop", "length", "repetition", "time"]
"""Why decoding ended: end token, ``max_new_tokens``, a detected loop, or ``max_seconds``."""

OnToken = Callable[[int, int], None]
"""Called for each new token with the index of its request (counted from 0 within one call) and the token id."""


@dataclass(frozen=True, eq=False)
class Request:
    """One prompt over one or more tiles.

    Attributes:
        prompt: token ids; the image-pad id stands once for every image token.
        pixels: ``(tiles, 3, height, width)``, tiles in the order of their pads.
        max_new_tokens: at least 1.
        ngram_ban: length of the token sequences that may not occur twice in prompt and completion; 0 for no ban.
        max_seconds: bounds the decoding time, counted from prefill.
        record_attention: fill :attr:`Completion.token_positions`, where the engine can.
        kept_bytes: bytes that the caller keeps until the completion arrives, such as the page's image. They bound the
            number of prefetched requests.
    """

    prompt: tuple[int, ...]
    pixels: "Tensor"
    max_new_tokens: int
    ngram_ban: int
    max_seconds: float | None = None
    record_attention: bool = False
    kept_bytes: int = 0


@dataclass(frozen=True)
class Completion:
    """The tokens of one request.

    Attributes:
        tokens: token ids, without the end token.
        probabilities: for each token, the probability that the network gave it.
        finish: why decoding ended.
        encode_seconds: time in the vision encoder.
        decode_seconds: time from prefill to the last token.
        token_positions: where recorded, for each token the index of the image token with the most attention, and the
            weight of that attention.
        warnings: events during decoding that the caller should know of.
    """

    tokens: tuple[int, ...]
    probabilities: tuple[float, ...]
    finish: DecodeFinish
    encode_seconds: float
    decode_seconds: float
    token_positions: tuple[tuple[int, float], ...] = ()
    warnings: tuple[str, ...] = ()


class RequestSource(Iterator[Request | None]):
    """Requests that may take long to arrive. Engines also accept any other iterable of requests."""

    def check(self) -> None:
        """Called at intervals while an engine waits for the next request; raises to stop the engine."""

    def wake(self) -> None:
        """Called from another thread when no more requests are wanted: ends a ``__next__`` that waits."""

    def close(self) -> None:
        """Called once, in the thread that draws the requests, after the last one."""


class Engine(Protocol):
    """Turns requests into completions."""

    def generate(
        self, requests: Iterable[Request | None], on_token: OnToken | None = None
    ) -> Iterator[Completion | Exception | None]:
        """Completions in the order of the requests; a request that failed yields its exception.

        Requests are drawn while there is room in the batch. A ``None`` among them (a page that needs no decoding)
        yields ``None``. Closing the iterator stops the work.

        Raises:
            EngineError: the engine is closed, or was closed before the iterator ended.
        """
        ...

    def close(self) -> None:
        """Release the network's memory and end the engine's processes. The engine cannot be used again.

        Iterators that are in use raise :class:`~got_runtime.errors.EngineError` at their next step. Closing twice is
        allowed.
        """
        ...


def engine_closed() -> EngineError:
    """The error that a closed engine raises."""
    return EngineError("the engine is closed: make a new runtime")
