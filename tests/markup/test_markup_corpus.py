"""Each answer of the corpus is rendered as its golden files. To write new ones: REGENERATE = True, run, review."""

import pytest
from helpers.markup_answers import ANSWERS, HERE

from got_runtime.markup import from_json, parse, to_json, to_markdown

REGENERATE = False

each_answer = pytest.mark.parametrize("answer", [pytest.param(text, id=name) for name, text in ANSWERS.items()])


@pytest.mark.parametrize("name", list(ANSWERS))
@pytest.mark.parametrize("suffix", ["json", "md"])
def test_answer_becomes_its_golden_file(name: str, suffix: str) -> None:
    elements = parse(ANSWERS[name])
    written = to_markdown(elements) if suffix == "md" else to_json(elements, indent=1) + "\n"
    golden = HERE / "golden" / f"{name}.{suffix}"
    if REGENERATE:
        golden.write_text(written, encoding="utf-8")
    assert written == golden.read_text(encoding="utf-8")


def test_golden_files_are_not_rewritten_by_accident() -> None:
    assert REGENERATE is False


def test_corpus_is_complete() -> None:
    golden = {path.stem for path in (HERE / "golden").iterdir()}
    assert golden == set(ANSWERS)
    assert len(ANSWERS) >= 60


@each_answer
def test_spans_cover_the_answer_exactly_once(answer: str) -> None:
    assert "".join(answer[slice(*element.span)] for element in parse(answer)) == answer


@each_answer
def test_json_is_read_back_as_the_same_elements(answer: str) -> None:
    elements = parse(answer)
    assert from_json(to_json(elements)) == elements
