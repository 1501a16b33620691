"""Asking where the elements stand."""

from pathlib import Path

from got_runtime import GotRuntime


def test_asking_for_boxes_changes_nothing_of_what_is_read(runtime: GotRuntime, pages: Path) -> None:
    [read] = runtime.stream(pages / "notice.jpg", max_new_tokens=24)
    [asked] = runtime.stream(pages / "notice.jpg", max_new_tokens=24, boxes=True)
    assert asked.boxes
    assert not read.boxes
    assert (asked.text, asked.tokens, asked.finish_reason) == (read.text, read.tokens, read.finish_reason)
    assert asked.confidence == read.confidence
