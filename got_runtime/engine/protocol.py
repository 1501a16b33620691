"""What goes into an engine and what comes out, whoever decodes."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from torch import Tensor

FinishReason = Literal["stop", "length", "repetition", "time"]

OnToken = Callable[[int, int], None]
"""Called with a request's place in the order of requests and each new token id."""


@dataclass(frozen=True, eq=False)
class Request:
    """One prompt over one or more tiles.

    ``prompt`` holds the image-pad id once for every image token; ``pixels`` is ``(tiles, 3, height, width)`` in the
    order of the pads. ``ngram_ban`` is the length of token sequences that may not occur twice in prompt and answer
    (0 for no ban). ``max_new_tokens`` is at least 1. ``max_seconds`` bounds the decoding, from prefill on.
    ``record_attention`` asks for ``token_positions``. ``kept_bytes`` is the size of what is held until the completion,
    such as the page's original image; it bounds how far requests are prefetched.
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
    """Token ids without the end token, each with the probability the network gave it, and why decoding ended.

    ``token_positions``, where recorded: for each token the index of the image token with the most attention, and that
    attention. ``warnings`` say what the caller should know of how it was decoded.
    """

    tokens: tuple[int, ...]
    probabilities: tuple[float, ...]
    finish: FinishReason
    encode_seconds: float
    decode_seconds: float
    token_positions: tuple[tuple[int, float], ...] = ()
    warnings: tuple[str, ...] = ()


class Engine(Protocol):
    """Turns requests into answers."""

    def answer(
        self, requests: Iterable[Request | None], on_token: OnToken | None = None
    ) -> Iterator[Completion | Exception | None]:
        """Answers in the order of the requests, an exception in the place of one that failed.

        Requests are drawn as there is room for them; a ``None`` among them (a page that needs no decoding) comes back
        in its place as ``None``. Closing the iterator stops the work.
        """
        ...
