"""Whatever the elements and the budget: every word is in a chunk, in its order, beside its own caption and header.

GOT_CHUNK_EXAMPLES is the number of examples of a test; the full measure is 10,000.
"""

import os
import re

from helpers.random_elements import is_subsequence, sequences, words
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from got_runtime.markup import Chunk, Element, MarkdownOptions, chunk, to_markdown
from got_runtime.markup.captions import captioned
from got_runtime.markup.render.markdown import element_markdown
from got_runtime.markup.render.table import pipe_rows
from got_runtime.markup.token_count import count_words

EXAMPLES = int(os.environ.get("GOT_CHUNK_EXAMPLES", "150"))
often = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES <= 150, suppress_health_check=list(HealthCheck)
)
COUNTERS = (count_words, len, lambda text: len(re.findall(r"\w+|[^\w\s]|\n", text)))
budgets = st.one_of(st.integers(1, 40), st.integers(1, 600))
counters = st.sampled_from(COUNTERS)
ways = st.sampled_from(("section", "element"))
OPTIONS = MarkdownOptions()


def shown(element: Element) -> list[str]:
    return words(element_markdown(element, OPTIONS))


def of_element(chunks: list[Chunk], index: int) -> list[str]:
    return [word for each in chunks if index in each.elements for word in words(each.text)]


@often
@given(sequences(), budgets, counters, ways)
def test_every_word_is_in_a_chunk_of_its_element_in_order(elements, budget, count, by) -> None:  # type: ignore[no-untyped-def]
    chunks = chunk(elements, by=by, max_tokens=budget, count_tokens=count)
    for index, element in enumerate(elements):
        assert is_subsequence(shown(element), of_element(chunks, index))
    captions = {index for index, element in enumerate(elements) if element.kind == "caption"}
    first = [min(set(each.elements) - captions, default=None) for each in chunks]
    body = [index for index in first if index is not None]
    assert body == sorted(body)


@often
@given(sequences(), budgets, counters, ways)
def test_a_chunk_has_the_words_of_its_elements_only(elements, budget, count, by) -> None:  # type: ignore[no-untyped-def]
    for each in chunk(elements, by=by, max_tokens=budget, count_tokens=count):
        own = {word for index in each.elements for word in shown(elements[index])}
        assert set(words(each.text)) <= own
        assert each.tokens == count(each.text)
        assert each.tokens <= budget or any("more than" in warning for warning in each.warnings)
        assert [part.kind for part in each.parts if part.kind != "paragraph"] == [
            elements[index].kind
            for index, part in zip(each.elements, each.parts, strict=True)
            if part.kind != "paragraph"
        ]
        assert words(to_markdown(each.parts)) == words(each.text)


@often
@given(sequences(), budgets)
def test_captions_and_headers_are_beside_their_own_table(elements, budget) -> None:  # type: ignore[no-untyped-def]
    chunks = chunk(elements, max_tokens=budget)
    described = captioned(elements)
    for caption, index in described.items():
        text = element_markdown(elements[caption], OPTIONS)
        if count_words(text) <= 0.75 * budget:
            assert all(caption in each.elements for each in chunks if index in each.elements)
            assert all(text in each.text for each in chunks if caption in each.elements)
    for index, element in enumerate(elements):
        if element.kind == "table":
            header = pipe_rows(element.grid)[0]
            assert all(header in each.text for each in chunks if index in each.elements)


@often
@given(sequences(), budgets, counters)
def test_what_is_cut_is_valid_by_itself(elements, budget, count) -> None:  # type: ignore[no-untyped-def]
    for each in chunk(elements, max_tokens=budget, count_tokens=count):
        fences = re.findall(r"^ *(```+)\w*$", each.text, flags=re.MULTILINE)
        assert fences[::2] == fences[1::2]
        prose = re.sub(r"^ *```\w*\n.*?^ *```$", "", each.text, flags=re.MULTILINE | re.DOTALL)
        assert prose.count("$$") % 2 == 0
        assert prose.count("$") % 2 == 0
        for environment in ("aligned", "gathered", "array", "pmatrix"):
            assert prose.count(f"\\begin{{{environment}}}") == prose.count(f"\\end{{{environment}}}")
        for tag in ("strong", "em", "sub", "sup", "s"):
            assert prose.count(f"<{tag}>") == prose.count(f"</{tag}>")
