"""A sample of an evaluation: one page, its reference text, and the prompts that the model gets for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from got_runtime.errors import SourceCorrupt
from got_runtime.tasks import Plain, Task

if TYPE_CHECKING:
    from PIL import Image

    from got_runtime.evaluation.checks import Check

__all__ = ["TEXT_LAYER", "EvalPrompt", "EvalSample", "name_inside_dataset"]

TEXT_LAYER = "text layer"
"""Kind of a page whose reference is the text layer of its PDF file."""

_PLAIN = Plain()


@dataclass(frozen=True)
class EvalPrompt:
    """Input of the model: the image of a page, or the images of all pages of one context, and the task."""

    images: "tuple[Image.Image, ...]"
    task: Task


@dataclass(frozen=True)
class EvalSample:
    """One page and its reference.

    Args:
        name: path of the file inside its dataset, or any name for an image in memory.
        image: an image, or the path of a file.
        reference: the correct text; ``None`` for a page that is scored by its ``checks`` alone.
        group: the row of the report that the page counts in.
        page: page number in a file of several pages, from 1; ``None`` for a file of one page.
        task: what the model does with the page.
        kind: which scores are computed in addition to the error rates
            (:data:`got_runtime.evaluation.scoring.SCORERS`).
        following: images of further pages of the same context.
        one_view_task: a second task for the same page, whose edit distance is reported for comparison: a page that
            is cut into tiles is also read in one view.
        checks: facts that the prediction must contain.
        dpi: resolution of a page of a PDF file; ``None`` gives the longer side about 2,048 pixels.
        degradation: ``"scan"`` makes the page look scanned (:func:`got_runtime.synth.degrade.scanned`).
        ascii_forms: whether typographic quotes and dashes count as their ASCII forms, for pages of kind
            :data:`TEXT_LAYER`.
    """

    name: str
    image: "Path | Image.Image"
    reference: str | None
    group: str
    page: int | None = None
    task: Task = _PLAIN
    kind: str = "plain"
    following: "tuple[Image.Image, ...]" = ()
    one_view_task: Task | None = None
    checks: "tuple[Check, ...]" = ()
    dpi: float | None = None
    degradation: Literal["scan"] | None = None
    ascii_forms: bool = False

    @property
    def label(self) -> str:
        """Name and page number: ``scans/paper.pdf p. 3``."""
        return self.name if self.page is None else f"{self.name} p. {self.page}"

    def open(self) -> "Image.Image":
        """The image of the page.

        Raises:
            SourceError: the file cannot be read, or has no such page.
        """
        image = self._rendered()
        if self.degradation is None:
            return image
        from got_runtime.synth.degrade import scanned

        return scanned(image)

    def _rendered(self) -> "Image.Image":
        if not isinstance(self.image, Path):
            return self.image
        from got_runtime.sources import open_pages

        for page in open_pages(self.image, pages=str(self.page or 1), dpi=self.dpi):
            if page.error is not None:
                raise page.error
            if page.image is not None:
                return page.image
        raise SourceCorrupt(f"{self.label} has no image: save the file again")

    def prompts(self) -> Sequence[EvalPrompt]:
        """One prompt for ``task``, and a second one if there is a ``one_view_task``. Raises as :meth:`open` does."""
        images = (self.open(), *self.following)
        return [EvalPrompt(images, task) for task in (self.task, self.one_view_task) if task is not None]


def name_inside_dataset(path: str) -> str:
    """The name of a sample, from the path that a dataset gives for its image; empty if nothing is left of it.

    The file name alone of an absolute path; otherwise the path without ``..``. A prediction is looked up under this
    name, so it must not lead out of the folder of predictions.
    """
    given = Path(path)
    return given.name if given.is_absolute() else "/".join(part for part in given.parts if part != "..")
