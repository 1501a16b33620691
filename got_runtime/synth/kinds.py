"""The kinds of page that the data engine makes, by name: one module of ``synth/pages`` for each.

The command line imports :data:`KINDS` for its help, so nothing heavy is imported before a page is made.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from got_runtime.synth.faces import Face
    from got_runtime.synth.sample import PageSample

__all__ = ["KINDS", "Maker", "page_of"]

KINDS = (
    "plain",
    "dense",
    "prose",
    "zoomed",
    "formatted",
    "table",
    "formula",
    "box",
    "color",
    "tiles",
    "pages",
    "chart",
    "molecule",
    "music",
    "geometry",
    "scene",
)
ATTEMPTS = 5
NEXT_ATTEMPT = 2**40
"""Added to the index after an overfull page; longer than any stream."""


class Maker(Protocol):
    """``make`` of a kind's module. The same arguments give the same page."""

    def __call__(self, seed: tuple[int, int], faces: "Sequence[Face]", training: bool) -> "PageSample": ...


def page_of(
    kind: str, seed: tuple[int, int], faces: "Sequence[Face] | None" = None, training: bool = False
) -> "PageSample":
    """A page of one kind.

    Args:
        kind: one of :data:`KINDS`.
        seed: stream and index; the same seed gives the same page.
        faces: one of these is used; None for all training faces.
        training: vary more than pages for evaluation do: random strings, extreme sizes, more degradation.

    Raises:
        ValueError: no such kind.
        Overfull: in 5 attempts, each with another index, the text did not fit on the page.
        MissingExtra: a package that draws this kind is not installed.
    """
    from got_runtime.synth.faces import TRAINING_FACES
    from got_runtime.synth.pages.character_boxes import Overfull

    if kind not in KINDS:
        raise ValueError(f"no kind {kind!r}; there are: {', '.join(KINDS)}")
    make = cast(Maker, import_module(f"got_runtime.synth.pages.{kind}").make)
    stream, index = seed
    for _ in range(ATTEMPTS):
        try:
            return make((stream, index), TRAINING_FACES if faces is None else faces, training)
        except Overfull:
            index += NEXT_ATTEMPT
    raise Overfull(f"{ATTEMPTS} attempts at a page of kind {kind} from {seed} on were overfull")
