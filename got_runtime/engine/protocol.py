"""The contract of every engine: callers add requests to a session, and each step returns events."""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from got_runtime.errors import EngineError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = [
    "Completed",
    "Completion",
    "DecodeFinish",
    "Engine",
    "Event",
    "Failure",
    "Request",
    "Session",
    "Token",
    "completions",
    "engine_closed",
    "engine_of_another_process",
]

DecodeFinish = Literal["stop", "length", "repetition", "time"]
"""Why decoding ended: end token, ``max_new_tokens``, a detected loop, or ``max_seconds``."""


@dataclass(frozen=True, eq=False)
class Request:
    """One prompt over one or more tiles.

    Attributes:
        prompt: token ids; the image-pad id stands once for every image token.
        pixels: ``(tiles, 3, height, width)``, tiles in the order of their pads; in uint8 with ``levels``, else as the
            network takes them.
        max_new_tokens: at least 1.
        ngram_ban: length of the token sequences that may not occur twice in prompt and completion; 0 for no ban.
        max_seconds: bounds the decoding time, counted from prefill.
        record_attention: fill :attr:`Completion.token_positions`, where the engine can.
        kept_bytes: bytes that the caller keeps until the completion arrives, such as the page's image. They bound the
            number of prefetched requests.
        levels: for pixels in uint8, what the network takes for each value of each channel, ``(3, 256)``. A quarter of
            the bytes wait, and go to another process or a GPU.
    """

    prompt: tuple[int, ...]
    pixels: "Tensor"
    max_new_tokens: int
    ngram_ban: int
    max_seconds: float | None = None
    record_attention: bool = False
    kept_bytes: int = 0
    levels: "Tensor | None" = None

    def network_pixels(self, device: "torch.device", dtype: "torch.dtype") -> "Tensor":
        """The pixels as the network takes them, ``(tiles, 3, height, width)``, on a device."""
        pixels = self.pixels.to(device)
        if self.levels is None:
            return pixels.to(dtype)
        if pixels.shape[1] != len(self.levels):
            raise ValueError(f"the pixels have {pixels.shape[1]} channels, and levels are given of {len(self.levels)}")
        levels = self.levels.to(device, dtype)
        values = pixels.new_empty(pixels.shape, dtype=dtype)
        for channel in range(len(levels)):
            indices = pixels[:, channel].flatten().int()
            values[:, channel] = levels[channel].index_select(0, indices).view_as(pixels[:, channel])
        return values


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


class Token(NamedTuple):
    """A request has a new token.

    Attributes:
        id: of the request.
        token: its token id.
    """

    id: int
    token: int


class Completed(NamedTuple):
    """A request is complete. No event of it follows.

    Attributes:
        id: of the request.
        completion: its tokens.
    """

    id: int
    completion: Completion


class Failure(NamedTuple):
    """A request could not be decoded. No event of it follows.

    Attributes:
        id: of the request.
        error: the reason.
    """

    id: int
    error: Exception


Event = Token | Completed | Failure


class Session(Protocol):
    """The requests of one caller. One thread at a time uses a session; the sessions of an engine share its batch.

    After :meth:`Engine.close` every method but ``close`` raises :class:`~got_runtime.errors.EngineError`.
    """

    @property
    def batch_size(self) -> int:
        """Requests of all sessions that the engine decodes together, at most."""
        ...

    def has_room(self) -> bool:
        """Whether a request should be added now. It is true for a session without requests."""
        ...

    def add(self, id: int, request: Request) -> None:
        """Add a request. An engine takes it also without :meth:`has_room`, but then it waits, with its pixels.

        Args:
            id: names the request in events; not in use for another request of the session.
            request: encoded and decoded in later steps, of this session or of others.
        """
        ...

    def step(self) -> list[Event]:
        """Advance the engine by at most one prefill and one token for each request of all sessions.

        Where another thread does that, it is waited for instead, up to a fraction of a second.

        Returns:
            Events of this session, in any order of its requests; maybe none.

        Raises:
            Exception: what the device raises. The session's requests are lost; those of others are not.
        """
        ...

    def cancel(self, id: int) -> None:
        """Drop a request; no event of it follows. It leaves the batch within a step."""
        ...

    def close(self) -> None:
        """Drop all requests. Closing twice is allowed."""
        ...


class Engine(Protocol):
    """Turns requests into completions. Safe to use from several threads."""

    def session(self, tokens: bool = True) -> Session:
        """A new session, to be closed after use.

        Args:
            tokens: whether :meth:`Session.step` returns a :class:`Token` for each token.

        Raises:
            EngineError: the engine is closed.
        """
        ...

    def close(self) -> None:
        """Release the network's memory and end the engine's processes. The engine cannot be used again.

        Sessions that are in use raise :class:`~got_runtime.errors.EngineError` at their next step. Closing twice is
        allowed.
        """
        ...


def completions(
    engine: Engine, requests: Iterable[Request], on_token: Callable[[int, int], None] | None = None
) -> Generator[Completion | Exception, None, None]:
    """The completion of each request, or its error, in the order of the requests, each when it is its turn.

    Requests are drawn as there is room for them.

    Args:
        engine: decodes them.
        requests: any number.
        on_token: called with the index of a request and each of its new tokens.

    Raises:
        EngineError: the engine is closed.
    """
    outcomes: dict[int, Completion | Exception] = {}
    source = enumerate(requests)
    added, returned, exhausted = 0, 0, False
    session = engine.session(tokens=on_token is not None)
    try:
        while True:
            while not exhausted and session.has_room():
                number, request = next(source, (0, None))
                if request is None:
                    exhausted = True
                    break
                session.add(number, request)
                added += 1
            if exhausted and returned == added:
                return
            for event in session.step():
                if isinstance(event, Completed):
                    outcomes[event.id] = event.completion
                elif isinstance(event, Failure):
                    outcomes[event.id] = event.error
                elif on_token is not None:
                    on_token(event.id, event.token)
            while returned in outcomes:
                yield outcomes.pop(returned)
                returned += 1
    finally:
        session.close()


def engine_closed() -> EngineError:
    """The error that a closed engine raises."""
    return EngineError("the engine is closed: make a new runtime")


def engine_of_another_process() -> EngineError:
    """The error that an engine raises in a process that was forked from the one that made it."""
    return EngineError(
        "the engine belongs to the process that this one was forked from: make a runtime in each process, or start "
        "processes by the method 'spawn'"
    )
