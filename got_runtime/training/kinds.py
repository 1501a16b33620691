"""Every kind of page the data engine makes, by name: one module of ``training/pages`` a kind."""

from collections.abc import Sequence
from importlib import import_module
from typing import Protocol, cast

from got_runtime.training.faces import TRAINING_FACES, Face
from got_runtime.training.sample import PageSample

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


class Maker(Protocol):
    """``make`` of a kind's module: same arguments, same page."""

    def __call__(self, seed: tuple[int, int], faces: Sequence[Face], training: bool) -> PageSample: ...


def page_of(
    kind: str, seed: tuple[int, int], faces: Sequence[Face] = TRAINING_FACES, training: bool = False
) -> PageSample:
    """The page of ``seed`` (stream, index) in one of ``faces``.

    ``training`` pages vary more than those that are evaluated: strings nobody can guess, extremes of size, wear.
    """
    if kind not in KINDS:
        raise ValueError(f"no kind {kind!r}; there are: {', '.join(KINDS)}")
    make = cast(Maker, import_module(f"got_runtime.training.pages.{kind}").make)
    return make(seed, faces, training)
