"""The kinds of page that the data engine draws, by name: one module of ``synth/pages`` a kind.

The command line imports :data:`KINDS` for its help, so nothing heavy is imported before a page is drawn.
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
"""Added to the index of a page that was overfull: no stream is as long."""


class Maker(Protocol):
    """``make`` of a kind's module: same arguments, same page."""

    def __call__(self, seed: tuple[int, int], faces: "Sequence[Face]", training: bool) -> "PageSample": ...


def page_of(
    kind: str, seed: tuple[int, int], faces: "Sequence[Face] | None" = None, training: bool = False
) -> "PageSample":
    """The page of ``seed`` (stream, index) in one of ``faces``; another if that does not hold what is printed on it.

    ``faces`` are the training faces when left out.

    ``training`` pages vary more than those that are evaluated: strings nobody can guess, extremes of size, wear.
    """
    from got_runtime.synth.faces import TRAINING_FACES
    from got_runtime.synth.pages.places import Overfull

    if kind not in KINDS:
        raise ValueError(f"no kind {kind!r}; there are: {', '.join(KINDS)}")
    make = cast(Maker, import_module(f"got_runtime.synth.pages.{kind}").make)
    stream, index = seed
    for _ in range(ATTEMPTS):
        try:
            return make((stream, index), TRAINING_FACES if faces is None else faces, training)
        except Overfull:
            index += NEXT_ATTEMPT
    raise Overfull(f"{ATTEMPTS} pages of kind {kind} from {seed} on did not hold what is printed on them")
