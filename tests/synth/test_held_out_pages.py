"""The held-out pages of earlier versions stay as they are: published figures are of these pages.

To write the file for a new kind: REGENERATE = True, run, review.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from got_runtime.evaluation.synthetic import held_out_samples

GOLDEN = Path(__file__).parent.parent / "golden" / "held_out_pages.json"
KINDS = (
    *("plain", "dense", "formatted", "table", "formula", "box", "color"),
    *("tiles", "pages", "chart", "molecule", "music", "geometry", "scene"),
)
SIDE = 12
REGENERATE = False


def fingerprint(kind: str) -> list[dict[str, Any]]:
    """Text, size and a small grey picture of the first page of each group."""
    pages = []
    for sample in held_out_samples(1, kind=kind):
        assert isinstance(sample.image, Image.Image)
        grey = np.asarray(sample.image.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)).tolist()
        size = list(sample.image.size)
        pages.append({"page": sample.name, "text": sample.reference, "size": size, "grey": grey})
    return pages


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_held_out_pages_are_those_of_earlier_versions(kind: str) -> None:
    made = fingerprint(kind)
    if REGENERATE:
        kept = json.loads(GOLDEN.read_text(encoding="utf-8")) if GOLDEN.exists() else {}
        GOLDEN.write_text(json.dumps(kept | {kind: made}) + "\n", encoding="utf-8")
    expected = json.loads(GOLDEN.read_text(encoding="utf-8"))[kind]
    for page, earlier in zip(made, expected, strict=True):
        assert [page[name] for name in ("page", "text", "size")] == [earlier[name] for name in ("page", "text", "size")]
        # Versions of a renderer differ in single levels of grey.
        assert np.abs(np.array(page["grey"]) - np.array(earlier["grey"])).max() <= 3
    assert not REGENERATE
