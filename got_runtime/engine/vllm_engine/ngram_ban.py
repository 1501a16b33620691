"""The n-gram ban as a logits processor of vLLM, which has none over prompt and completion.

vLLM has two model runners with an interface each: the second, on a GPU, gives the tokens of all requests on the device;
the first, on a CPU and where the second lacks a feature, gives lists. One class implements both, since one name stands
on the command line.
"""

from typing import TYPE_CHECKING, Any

from vllm.v1.sample.logits_processor import AdapterLogitsProcessor
from vllm.v1.worker.gpu.sample.logits_processor.interface import LogitsProcessor

from got_runtime.engine.ngram_ban import NgramBan
from got_runtime.engine.vllm_engine.batch_ban import BatchBan

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["OPTION", "NgramBanProcessor"]

OPTION = "no_repeat_ngram_size"
"""Name of the option in ``SamplingParams.extra_args``, and in ``vllm_xargs`` of an HTTP request."""


class NgramBanProcessor(LogitsProcessor, AdapterLogitsProcessor):  # type: ignore[misc]  # vLLM may not be installed
    """Bans tokens that would complete an n-gram that has occurred before, for requests with :data:`OPTION`.

    Equal to transformers' ``NoRepeatNGramLogitsProcessor``: prompt and completion count. Tokens that speculative
    decoding proposes do not.

    Args:
        vllm_config: vLLM's.
        arguments: the state of the requests (second model runner), or device and whether memory is pinned (first).
    """

    def __init__(self, vllm_config: Any, *arguments: Any) -> None:
        self._batch = BatchBan(arguments[0]) if len(arguments) == 1 else None
        if self._batch is None:
            AdapterLogitsProcessor.__init__(self, vllm_config, *arguments)

    @classmethod
    def validate_params(cls, sampling_params: Any) -> None:
        """Check the option of a request.

        Raises:
            ValueError: the length is not a whole number from 0. Over HTTP that is status 400.
        """
        _length(sampling_params)

    def is_argmax_invariant(self) -> bool:
        """False: it may change the most probable token, so vLLM must run it in greedy decoding too."""
        return False

    def new_req_logits_processor(self, params: Any) -> "_RequestBan | None":
        """The ban of one request, or None if it has none (first model runner)."""
        length = _length(params)
        return _RequestBan(length) if length else None

    def add_request(self, req_idx: int, sampling_params: Any) -> bool:
        """Whether the request that enters a slot has a ban (second model runner)."""
        assert self._batch is not None
        length = _length(sampling_params)
        self._batch.set_length(req_idx, length)
        return length > 0

    def apply(self, logits: "Tensor", ctx: Any = None) -> "Tensor":
        """Ban tokens in the logits of a step; ``ctx`` is the layout of its batch (second model runner)."""
        if self._batch is None:
            banned: Tensor = AdapterLogitsProcessor.apply(self, logits)
            return banned
        slots = ctx.idx_mapping_np.tolist()
        return self._batch.apply(logits, ctx.expanded_idx_mapping, slots, ctx.pos)


class _RequestBan:
    """Called by vLLM before each token of one request."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._ban: NgramBan | None = None
        self._processed = 0

    def __call__(self, prompt: list[int], completion: list[int], logits: "Tensor") -> "Tensor":
        if self._ban is None:
            self._ban = NgramBan(self._length, prompt)
        for token in completion[self._processed :]:
            if token < 0:  # a placeholder: vLLM schedules steps before tokens are known
                raise RuntimeError(
                    "vLLM does not pass the completion's tokens: name the processor in --logits-processors"
                )
            self._ban.add(token)
        self._processed = len(completion)
        banned = self._ban.banned()
        if banned:
            logits[banned] = float("-inf")
        return logits


def _length(params: Any) -> int:
    length = (params.extra_args or {}).get(OPTION, 0)
    if isinstance(length, bool) or not isinstance(length, int) or length < 0:
        raise ValueError(f"{OPTION} is a number of tokens from 0 (no ban) on, not {length!r}")
    return length
