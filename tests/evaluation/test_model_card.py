"""The model card's table of results."""

from pathlib import Path

from PIL import Image

from got_runtime.evaluation.model_card import GOALS, ModelCard
from got_runtime.evaluation.report import Report
from got_runtime.evaluation.samples import EvalSample
from got_runtime.evaluation.scoring import score
from got_runtime.evaluation.synthetic import GROUPS
from got_runtime.synth.kinds import KINDS

REFERENCE = r"\begin{tabular}{ll} a & b \end{tabular}"


def test_the_card_shows_each_result_and_whether_it_reaches_the_goal() -> None:
    def report(kind: str, prediction: str) -> Report:
        pages = [
            EvalSample(f"{kind}{n}", Image.new("RGB", (9, 9)), REFERENCE, group, kind=kind)
            for n, group in enumerate(GROUPS)
        ]
        scored = [score(page, prediction, one_view="x" * len(REFERENCE) if kind == "tiles" else None) for page in pages]
        return Report.of(scored, model="m", dataset="d")

    slip = REFERENCE.replace("& b", "& cd")  # 2 edits in 39 characters
    reports = {kind: report(kind, slip) for kind in ("plain", "formatted", "table", "tiles")}
    lines = ModelCard(model="m", pages=1, seed=0, reports=reports).markdown().splitlines()
    wanted = "| plain, up to 14 lines of 40 characters, CER | ≤ 0.4 % · ≤ 0.6 % |"
    assert f"{wanted} 5.1 [5.1–5.1] % ✗ | 5.1 [5.1–5.1] % ✗ |" in lines
    assert "| formatted page, text | ≤ 0.08 | 0.050 [0.050–0.050] ✓ | 0.050 [0.050–0.050] ✓ |" in lines
    assert "| formatted page, formulas | ≤ 0.25 | – | – |" in lines
    assert "| lone table, TEDS | ≥ 0.92 | 0.667 [0.667–0.667] ✗ | 0.667 [0.667–0.667] ✗ |" in lines
    assert "| page for tiles, two columns of small type, CER | ≤ 6 % | 5.1 [5.1–5.1] % ✓ | 5.1 [5.1–5.1] % ✓ |" in lines
    assert "| scene | ≤ 0.25 | not measured | |" in lines


def test_the_card_of_got_nano_has_each_row_once_with_its_goal() -> None:
    """Rows of one table once replaced those of another table that had the same names."""
    card = (Path(__file__).parents[2] / "got_runtime/checkpoints/got-nano/README.md").read_text("utf-8")
    results = [
        line.split(" | ")[:2] for line in card.splitlines() if line.startswith("| ") and ("✓" in line or "✗" in line)
    ]
    assert results == [[f"| {goal.label}", goal.format_goal()] for goal in GOALS]


def test_every_kind_has_a_goal() -> None:
    assert {goal.kind for goal in GOALS} == set(KINDS)
