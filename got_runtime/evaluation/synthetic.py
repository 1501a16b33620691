"""Synthetic pages for evaluation: pages outside every training stream, in training faces and in held-out faces."""

from collections.abc import Iterator

from got_runtime.errors import MissingExtra
from got_runtime.evaluation.samples import EvalSample
from got_runtime.synth.streams import HELD_OUT_STREAM
from got_runtime.tasks import Formatted, Plain, Task, Tiles

__all__ = ["GROUPS", "HELD_OUT_STREAM", "held_out_samples"]

GROUPS = ("seen faces", "held-out faces")
"""The two groups: faces of the training set, and families of which no face is in it."""


def held_out_samples(count: int, seed: int = 0, kind: str = "plain") -> Iterator[EvalSample]:
    """``count`` pages for each of :data:`GROUPS`, alternating between the groups; same arguments, same pages.

    The two pages of an index share their seed, and so most of their words and layout: the groups differ by the faces.
    Each page has the task of its kind; a page for tiles is also read in one view.

    Args:
        count: pages per group.
        seed: 0 or more.
        kind: one of :data:`got_runtime.synth.kinds.KINDS`.

    Raises:
        ValueError: a negative seed, which would select training pages.
        MissingExtra: a package that draws this kind is not installed.
    """
    if seed < 0:
        raise ValueError(f"seed is 0 or more, got {seed}: negative seeds are training streams")
    for index in range(count):
        for group in GROUPS:
            try:
                yield _draw_sample(kind, (HELD_OUT_STREAM + seed, index), group)
            except ModuleNotFoundError as error:  # a font package, the word list or a kind's renderer
                if error.name is None or error.name.startswith("got_runtime"):
                    raise
                raise MissingExtra("eval", error.name) from error


def _draw_sample(kind: str, seed: tuple[int, int], group: str) -> EvalSample:
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
        one_view_task=_one_view_task(page.task),
    )


def _one_view_task(task: Task) -> Task | None:
    if not isinstance(task, Tiles):
        return None
    return Formatted() if task.formatted else Plain()
