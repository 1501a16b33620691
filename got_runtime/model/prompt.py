"""The prompt format GOT was trained with, character for character (``run_ocr_2.0.py``, conversation template "mpt").

There is no line break between ``<|im_end|>`` and the next ``<|im_start|>``.
"""

IMAGE_PAD = "<imgpad>"
END_OF_TURN = "<|im_end|>"
END_OF_TEXT = "<|endoftext|>"

SYSTEM = "You should follow the instructions carefully and explain your answers in detail."


def build_prompt(query: str, image_tokens: int) -> str:
    """The prompt for a query.

    Args:
        query: the task's official query.
        image_tokens: number of image tokens of all tiles or pages together.
    """
    return (
        f"<|im_start|>system\n{SYSTEM}<|im_end|>"
        f"<|im_start|>user\n<img>{IMAGE_PAD * image_tokens}</img>\n{query}<|im_end|>"
        f"<|im_start|>assistant\n"
    )
