"""Synthetic pages nobody has trained on, in faces the network has seen and in faces it has not."""

from collections.abc import Iterator

from got_runtime.errors import MissingExtra
from got_runtime.evaluation.samples import EvalSample
from got_runtime.tasks import Formatted, Plain, Task, Tiles

__all__ = ["GROUPS", "HELD_OUT_STREAM", "held_out"]

HELD_OUT_STREAM = 1_000_000
"""Held-out pages come from the seed ``(HELD_OUT_STREAM + seed, index)``; training streams stay below 100,000."""

GROUPS = ("seen faces", "held-out faces")
"""The two groups: faces of the training set, and families of which no face is in it."""


def held_out(count: int, seed: int = 0, kind: str = "plain") -> Iterator[EvalSample]:
    """``count`` pages for each of :data:`GROUPS`, the groups by turns; same arguments, same pages.

    The two pages of an index share their seed, and so most of their words and layout: the groups differ by the faces.
    Each page is read with its own task; one for tiles is also read in one view. ``kind`` is one of
    :data:`got_runtime.synth.kinds.KINDS`. Raises ``MissingExtra`` where a kind's packages are not installed.
    """
    if seed < 0:
        raise ValueError(f"seed is 0 or more, got {seed}: below lie the training streams")
    for index in range(count):
        for group in GROUPS:
            try:
                yield _case(kind, (HELD_OUT_STREAM + seed, index), group)
            except ModuleNotFoundError as error:  # a font package, the word list or a kind's renderer
                if error.name is None or error.name.startswith("got_runtime"):
                    raise
                raise MissingExtra("eval", error.name) from error


def _case(kind: str, seed: tuple[int, int], group: str) -> EvalSample:
    from got_runtime.synth.faces import HELD_OUT_FACES, TRAINING_FACES
    from got_runtime.synth.kinds import page_of

    page = page_of(kind, seed, TRAINING_FACES if group == GROUPS[0] else HELD_OUT_FACES)
    return EvalSample(
        f"{kind} {seed[0] - HELD_OUT_STREAM}/{seed[1]:04d} {page.face}",
        page.image,
        page.text,
        group,
        task=page.task,
        kind=kind,
        following=page.following,
        compare=_in_one_view(page.task),
    )


def _in_one_view(task: Task) -> Task | None:
    if not isinstance(task, Tiles):
        return None
    return Formatted() if task.formatted else Plain()
