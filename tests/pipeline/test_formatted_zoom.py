"""Formatted pages of small type are read in zoomed views, part by part, and written in GOT's markup."""

import pytest
from helpers.sample_reader import answers_of
from helpers.scripted_pages import scripted

from got_runtime import Formatted
from got_runtime.markup.elements import Table
from got_runtime.model.checkpoint import LoadedModel
from got_runtime.synth.kinds import page_of
from got_runtime.synth.sample import PageSample
from got_runtime.synth.streams import HELD_OUT_STREAM
from got_runtime.views import formatted


@pytest.fixture(scope="module")
def sample() -> PageSample:
    """A heading, a paragraph, a table, a heading and a paragraph."""
    return page_of("formatted", (HELD_OUT_STREAM + 3, 0))


def test_a_formatted_page_of_small_type_is_read_part_by_part(got_nano: LoadedModel, sample: PageSample) -> None:
    answers = answers_of(sample)
    page = scripted(got_nano, *answers).read(sample.image, task=Formatted(), boxes=True).pages[0]
    assert page.text.startswith("\\section*{Sher radioactive camp was}\n\nIn data ends 0")
    assert "\\hline Whose OUTSIDERS & 310.84 \\\\\n" in page.text
    assert page.text.endswith("time early BEST trade.")
    assert page.views is not None
    assert (page.views.kind, page.views.count) == ("zoomed", len(answers))
    assert page.warnings == ()
    assert len(page.lines) == 10
    (table,) = [element for element in page.elements if isinstance(element, Table)]
    (box,) = [box for box in page.boxes if box.span == table.span]
    assert box.source == "lines"
    assert box.bbox == pytest.approx((427, 362, 833, 435), abs=8)


def test_the_stream_of_a_formatted_page_is_its_text(got_nano: LoadedModel, sample: PageSample) -> None:
    pieces: list[str] = []
    runtime = scripted(got_nano, *answers_of(sample))
    page = runtime.read(sample.image, task=Formatted(), on_token=lambda _, text: pieces.append(text)).pages[0]
    assert "".join(pieces) == page.text


def test_without_zoom_a_formatted_page_is_one_view(got_nano: LoadedModel, sample: PageSample) -> None:
    page = scripted(got_nano, "\\section*{Whole}").read(sample.image, task=Formatted(), zoom="off").pages[0]
    assert page.text == "\\section*{Whole}"
    assert page.views is not None
    assert (page.views.kind, page.views.type_width) == ("whole", None)


def test_a_page_whose_parts_cannot_be_found_is_read_whole(
    got_nano: LoadedModel, sample: PageSample, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise ValueError("unforeseen")

    monkeypatch.setattr(formatted, "with_tables", fail)
    page = scripted(got_nano, "\\section*{Whole}").read(sample.image, task=Formatted()).pages[0]
    assert page.text == "\\section*{Whole}"
    assert page.warnings == ("read in one view, as its lines could not be found (ValueError: unforeseen)",)


def test_text_without_markup_is_kept_where_its_parts_cannot_be_found(
    got_nano: LoadedModel, sample: PageSample, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = answers_of(sample)

    def fail(*arguments: object) -> None:
        raise ValueError("unforeseen")

    monkeypatch.setattr(formatted, "parts_of", fail)
    page = scripted(got_nano, *answers).read(sample.image, task=Formatted()).pages[0]
    assert page.text.startswith("Sher radioactive camp was\nIn data ends 0")
    assert page.warnings == ("the page has no markup, as its parts could not be found (ValueError: unforeseen)",)
