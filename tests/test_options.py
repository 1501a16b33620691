"""Options of reading pages: one list behind every method, checked before anything is read."""

import asyncio
import inspect
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, SupportsIndex, get_args, get_origin, get_type_hints

import numpy as np
import pytest
from helpers.scripted_pages import inked, scripted
from pydantic import ValidationError

from got_runtime import DocumentResult, Formatted, GotRuntime, Limits, MultiPage, PageResult, Plain, ReadOptions
from got_runtime.errors import OptionError, SourceCorrupt, TaskError
from got_runtime.model.checkpoint import LoadedModel
from got_runtime.options import ReadOptionsDict, TaskName
from got_runtime.tasks import Box


async def all_of(runtime: GotRuntime, source: object, **options: Any) -> list[PageResult]:
    return [page async for page in runtime.astream(source, **options)]


METHODS: dict[str, Callable[..., Sequence[PageResult]]] = {
    "read": lambda runtime, source, **options: runtime.read(source, **options).pages,
    "read_all": lambda runtime, source, **options: next(runtime.read_all([source], **options)).pages,
    "stream": lambda runtime, source, **options: list(runtime.stream(source, **options)),
    "aread": lambda runtime, source, **options: asyncio.run(runtime.aread(source, **options)).pages,
    "astream": lambda runtime, source, **options: asyncio.run(all_of(runtime, source, **options)),
}


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("task", ["format", {"kind": "format"}, Formatted()])
def test_a_task_is_an_object_a_name_or_a_dictionary_in_every_method(
    checkpoint: LoadedModel, method: str, task: Any
) -> None:
    [result] = METHODS[method](scripted(checkpoint, "text"), inked(), task=task)
    assert result.task == Formatted()


def test_an_unknown_option_names_the_nearest_one_in_every_method(checkpoint: LoadedModel, method: str) -> None:
    for wrong, nearest in {"max_token": "max_new_tokens", "page": "pages", "on_tokens": "on_token"}.items():
        expected = f"GotRuntime.{method} has no option '{wrong}': did you mean '{nearest}'?"
        with pytest.raises(OptionError) as caught:
            METHODS[method](scripted(checkpoint, "never"), inked(), **{wrong: 1})
        assert str(caught.value) == expected


def test_the_names_of_a_method_itself_are_suggested_too(checkpoint: LoadedModel) -> None:
    wrong: Any = {"on_pages": print}
    with pytest.raises(OptionError, match=r"GotRuntime.read has no option 'on_pages': did you mean 'on_page'\?"):
        scripted(checkpoint, "never").read(inked(), **wrong)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"on_page": 3}, "on_page=3: give a function of a page"),
        ({"on_token": 3}, "on_token=3: give a function of a page and a piece of its text"),
        ({"stop": True}, "stop=True: give a threading.Event"),
        ({"stop": threading.Event}, "give a threading.Event"),
    ],
    ids=str,
)
def test_callbacks_are_checked_before_anything_is_read(
    checkpoint: LoadedModel, method: str, wrong: dict[str, Any], message: str
) -> None:
    runtime, [name] = scripted(checkpoint, "never"), wrong
    if name not in inspect.signature(getattr(runtime, method)).parameters:
        message = f"has no option '{name}'"
    with pytest.raises(OptionError, match=f"GotRuntime.{method}.*{message}"):
        METHODS[method](runtime, inked(), **wrong)


def test_options_are_checked_when_a_method_is_called_not_when_its_first_page_is_wanted(
    checkpoint: LoadedModel,
) -> None:
    runtime, wrong = scripted(checkpoint, "never"), dict[str, Any](ocr="never")
    for call in (runtime.stream, runtime.read_all, runtime.astream):
        with pytest.raises(OptionError, match=f"GotRuntime.{call.__name__}: ocr='never': .*'always' or 'auto'"):
            call([inked()], **wrong)


def test_single_options_replace_those_of_a_list_of_options(checkpoint: LoadedModel) -> None:
    options = ReadOptions(task="format", max_new_tokens=2, dpi=90)
    document = scripted(checkpoint, "text").read(inked(), options, max_new_tokens=3)
    assert document.text == "tex"
    assert document.settings == ReadOptions(task=Formatted(), max_new_tokens=3, dpi=90)


def test_a_task_in_the_place_of_the_options_is_an_error_that_shows_how(checkpoint: LoadedModel) -> None:
    wrong: Any = Formatted()
    with pytest.raises(OptionError, match=r"not Formatted: .* task=Formatted\(\)"):
        scripted(checkpoint, "never").read(inked(), wrong)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "fromat"}, "task='fromat': no task has this name: did you mean 'format'?"),
        ({"task": 5}, "task=5: give a task such as Formatted()"),
        ({"task": {"kind": "box", "x1": 1}}, "y1: Field required"),
        ({"task": "box"}, "task='box': this task has parameters: give Box(x1, y1, x2, y2)"),
        ({"pages": 2.5}, "pages=2.5: give a selection such as '1-3,7,-1'"),
        ({"pages": True}, "pages=True: give a selection such as '1-3,7,-1'"),
        ({"pages": b"1-3"}, "pages=b'1-3': give a selection such as '1-3,7,-1'"),
        ({"pages": "one"}, "page selection 'one' cannot be read: write pages like 1-3,7,-1"),
        ({"pages": ""}, "page selection '' cannot be read"),
        ({"pages": "5-2"}, "page range '5-2' runs backwards"),
        ({"pages": []}, "pages=[]: give page numbers counted from 1"),
        ({"pages": [1, 0]}, "pages=[1, 0]: give page numbers counted from 1"),
        ({"dpi": float("inf")}, "dpi=inf: Input should be less than or equal to 1200"),
        ({"dpi": float("nan")}, "dpi=nan: Input should be "),
        ({"dpi": np.zeros((2, 2))}, "dpi=array([[0., 0.], [0., 0.]]): "),
        ({"max_new_tokens": True}, "max_new_tokens=True: give a whole number"),
        ({"limits": {"max_pages": True}}, "max_pages=True: give a number"),
        ({"max_pages": 3}, "it is one of the limits: limits={'max_pages': …}"),
        ({"rotate": 45}, "rotate=45: Input should be 0, 90, 180 or 270"),
        ({"limits": {"max_pages": 0}}, "a limit must be above zero"),
        ({"password": 1234}, "password=…: "),
    ],
)
def test_a_value_that_cannot_be_is_one_line_that_names_it(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        ReadOptions(**options)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_password_is_in_no_error_message() -> None:
    wrong: list[dict[str, Any]] = [{"password": ["secret"]}, {"password": "secret", "dpi": -1}]
    for options in wrong:
        with pytest.raises(OptionError) as caught:
            ReadOptions(**options)
        assert "secret" not in f"{caught.value} {caught.value.__cause__}"
        with pytest.raises(ValidationError) as invalid:
            ReadOptions.model_validate(options)
        assert "secret" not in str(invalid.value)


def test_page_numbers_may_be_of_any_integer_type() -> None:
    assert ReadOptions(pages=np.int64(2)).pages == 2
    assert ReadOptions(pages=range(1, 4)).pages == (1, 2, 3)
    several: Any = np.array([1, -1])
    assert ReadOptions(pages=several).pages == (1, -1)


def test_settings_survive_json_without_the_password(checkpoint: LoadedModel) -> None:
    document = scripted(checkpoint, "text").read(
        inked(), task=Box(0, 0, 0.5, 0.5, unit="fraction"), pages=[1], password="secret", limits={"max_pages": 3}
    )
    assert "secret" not in document.model_dump_json()
    assert "secret" not in repr(document)
    again = DocumentResult.model_validate_json(document.model_dump_json())
    assert again == document
    assert (again.settings.pages, again.settings.limits) == ((1,), Limits(max_pages=3))


# What keyword arguments accept beyond the type that ReadOptions holds: names, dictionaries, None for the default.
CONVERTED = {NoneType, *get_args(TaskName), Mapping[str, Any], SupportsIndex, Sequence[SupportsIndex]}
HELD = {int: SupportsIndex, tuple[int, ...]: Sequence[SupportsIndex]}


def alternatives(annotation: Any) -> set[Any]:
    """The members of a union; the values of a literal."""
    if get_origin(annotation) is Annotated:
        return alternatives(get_args(annotation)[0])
    if get_origin(annotation) in (UnionType, Literal) or str(get_origin(annotation)) == "typing.Union":
        return set().union(*(alternatives(part) for part in get_args(annotation)))
    return {annotation}


def test_the_keyword_arguments_have_the_names_and_types_of_the_options() -> None:
    keywords = get_type_hints(ReadOptionsDict)
    assert list(keywords) == list(ReadOptions.model_fields)
    for name, field in ReadOptions.model_fields.items():
        held, accepted = alternatives(field.annotation), alternatives(keywords[name])
        if name == "pages":
            held = {HELD.get(kind, kind) for kind in held}
        assert held <= accepted, name
        assert accepted - held <= CONVERTED, name


def test_every_keyword_argument_can_be_given() -> None:
    given: ReadOptionsDict = {  # mypy checks these values against ReadOptionsDict
        "task": "plain",
        "pages": [1, 2],
        "dpi": 100,
        "rotate": 90,
        "password": "p",
        "limits": {"max_pages": 3},
        "allow_remote": True,
        "ocr": "auto",
        "on_error": "skip",
        "max_new_tokens": 5,
        "boxes": True,
        "zoom": "off",
    }
    options = ReadOptions(**given)
    assert given.keys() == ReadOptions.model_fields.keys() == options.model_fields_set
    assert (options.task, options.pages, options.limits) == (Plain(), (1, 2), Limits(max_pages=3))
    assert ReadOptions.of(dict.fromkeys(given), caller="here") == ReadOptions()


@pytest.mark.parametrize(("policy", "outcome"), [("skip", "left out"), ("keep", "kept without text")])
def test_a_source_that_fails_is_logged(
    checkpoint: LoadedModel, tmp_path: Path, caplog: pytest.LogCaptureFixture, policy: Any, outcome: str
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n")
    with caplog.at_level(logging.WARNING, "got_runtime"):
        results = list(scripted(checkpoint, "text").stream([inked(), broken], on_error=policy))
    assert len(results) == (1 if policy == "skip" else 2)
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage().startswith(f"{broken} page 1 {outcome}: ")


def test_a_folder_that_ends_with_an_error_says_which_file_ended_it(checkpoint: LoadedModel, tmp_path: Path) -> None:
    inked().save(tmp_path / "1.png")
    (tmp_path / "2.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(SourceCorrupt, match=r"2\.png"):
        list(scripted(checkpoint, "text").stream(tmp_path, on_error="raise"))
    with pytest.raises(TaskError) as caught:
        list(scripted(checkpoint, "x").stream([tmp_path], task=Box(9e3, 9e3, 9e4, 9e4), on_error="raise"))
    assert caught.value.__notes__ == [f"while reading {tmp_path / '1.png'} page 1"]


def test_several_pages_in_one_context_are_asked_for_by_name_too(checkpoint: LoadedModel, three_pages: Path) -> None:
    [result] = scripted(checkpoint, "text").read(three_pages, task="pages").pages
    assert result.task == MultiPage()
