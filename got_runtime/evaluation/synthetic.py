"""Synthetic pages nobody has trained on, in faces the network has seen and in faces it has not."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from got_runtime.errors import MissingExtra
from got_runtime.evaluation.datasets import Case

if TYPE_CHECKING:
    from got_runtime.training.sample import PageSample

__all__ = ["GROUPS", "HELD_OUT_STREAM", "KINDS", "held_out"]

HELD_OUT_STREAM = 1_000_000
"""Held-out pages come from the seed ``(HELD_OUT_STREAM + seed, index)``; training streams stay below 100,000."""

GROUPS = ("seen faces", "held-out faces")
"""The two groups: faces of the training set, and families of which no face is in it."""


def _plain(seed: tuple[int, int], group: str) -> "PageSample":
    from got_runtime.training.faces import HELD_OUT_FACES, TRAINING_FACES
    from got_runtime.training.pages.plain import HELD_OUT, plain_page

    faces = TRAINING_FACES if group == GROUPS[0] else HELD_OUT_FACES
    return plain_page(seed, replace(HELD_OUT, faces=faces))


KINDS: dict[str, Callable[[tuple[int, int], str], "PageSample"]] = {"plain": _plain}
"""Kinds of page: each makes one from a seed and a group of :data:`GROUPS`."""


def held_out(count: int, seed: int = 0, kind: str = "plain") -> Iterator[Case]:
    """``count`` pages for each of :data:`GROUPS`, the groups by turns; same arguments, same pages.

    The two pages of an index share their seed, and so most of their words and layout: the groups differ by the faces.
    """
    if seed < 0:
        raise ValueError(f"seed is 0 or more, got {seed}: below lie the training streams")
    make = KINDS[kind]
    for index in range(count):
        for group in GROUPS:
            try:
                page = make((HELD_OUT_STREAM + seed, index), group)
            except ModuleNotFoundError as error:  # a font package or the word list
                raise MissingExtra("eval", error.name or "a font package") from error
            yield Case(f"{kind} {seed}/{index:04d} {page.face}", page.image, page.text, group)
