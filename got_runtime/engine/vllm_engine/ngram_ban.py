"""The n-gram ban in vLLM, which has none of its own over prompt and answer."""

from typing import TYPE_CHECKING, Any

from vllm.v1.sample.logits_processor import AdapterLogitsProcessor

from got_runtime.engine.ngram_ban import NgramBan

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["OPTION", "NgramBanProcessor"]

OPTION = "no_repeat_ngram_size"
"""Name of the option in ``SamplingParams.extra_args``, and in ``vllm_xargs`` of a request over HTTP."""


class NgramBanProcessor(AdapterLogitsProcessor):  # type: ignore[misc]  # vLLM is not installed where this is checked
    """Bans, for requests that ask for it, tokens that would complete a sequence seen before.

    Equal to transformers' ``NoRepeatNGramLogitsProcessor``: prompt and answer count.
    """

    @classmethod
    def validate_params(cls, sampling_params: Any) -> None:
        """Raises ValueError (over HTTP: status 400) for a length that is not a number from 0 on."""
        _length(sampling_params)

    def is_argmax_invariant(self) -> bool:
        """It may change which token is likeliest, so it also runs in greedy decoding."""
        return False

    def new_req_logits_processor(self, params: Any) -> "_RequestBan | None":
        """The ban of one request, or None where it asks for none."""
        length = _length(params)
        return _RequestBan(length) if length else None


class _RequestBan:
    """Called before each token of one request."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._ban: NgramBan | None = None
        self._counted = 0

    def __call__(self, prompt: list[int], answer: list[int], logits: "Tensor") -> "Tensor":
        if self._ban is None:
            self._ban = NgramBan(self._length, prompt)
        for token in answer[self._counted :]:
            if token < 0:  # vLLM decodes ahead and leaves a place for a token it was not asked to wait for
                raise RuntimeError("vLLM hides the answer's tokens: name the processor in --logits-processors")
            self._ban.add(token)
        self._counted = len(answer)
        banned = self._ban.banned()
        if banned:
            logits[banned] = float("-inf")
        return logits


def _length(params: Any) -> int:
    length = (params.extra_args or {}).get(OPTION, 0)
    if isinstance(length, bool) or not isinstance(length, int) or length < 0:
        raise ValueError(f"{OPTION} is a number of tokens from 0 (no ban) on, not {length!r}")
    return length
