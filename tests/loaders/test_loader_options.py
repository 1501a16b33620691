"""Every loader has the same options, refuses unknown ones at once, and keeps them when it is saved or pickled."""

import dataclasses
import json
import logging
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from haystack import Pipeline
from helpers.loader_files import SOUP, Scripted

from got_loaders.haystack import GotConverter
from got_loaders.langchain import GotBlobParser, GotLoader
from got_loaders.llama_index import GotReader
from got_loaders.pymupdf4llm import GotOcr
from got_loaders.runtimes import ModelConfig, ModelConfigDict
from got_runtime import EngineConfig, Formatted, GotRuntime, Limits
from got_runtime.errors import CheckpointNotFound, EngineError, LimitExceeded, OptionError
from got_runtime.options import ReadOptions

LOADERS: dict[str, Callable[..., Any]] = {
    "GotLoader": lambda **options: GotLoader("scan.pdf", **options),
    "GotBlobParser": GotBlobParser,
    "GotReader": GotReader,
    "GotConverter": GotConverter,
}
every_loader = pytest.mark.parametrize("name", LOADERS)


@every_loader
@pytest.mark.parametrize(
    ("misspelt", "nearest"),
    [
        ("dip", "dpi"),
        ("max_token", "max_tokens"),
        ("mod", "mode"),
        ("run_time", "runtime"),
        ("batchsize", "batch_size"),
    ],
)
def test_a_misspelt_option_is_an_error_that_names_the_nearest(name: str, misspelt: str, nearest: str) -> None:
    with pytest.raises(OptionError, match=f"{name} has no option '{misspelt}': did you mean '{nearest}'"):
        LOADERS[name](**{misspelt: 3})


def test_the_ocr_function_refuses_misspelt_options_too() -> None:
    with pytest.raises(OptionError, match="GotOcr has no option 'max_new_token': did you mean 'max_new_tokens'"):
        GotOcr(max_new_token=3)  # type: ignore[call-arg]
    with pytest.raises(OptionError, match="runtime=3: give a GotRuntime"):
        GotOcr(3)  # type: ignore[arg-type]


@every_loader
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "pages"}, "choose from page, document, element, chunk"),
        ({"on_error": "document"}, "on_error='document'"),
        ({"max_tokens": 0}, "max_tokens=0: give at least 1"),
        ({"limits": {"max_page": 3}}, "max_page"),
        ({"max_tokens": True}, "max_tokens=True: give at least 1"),
        ({"batch_size": True}, "batch_size=True: give a whole number"),
        ({"runtime": 3}, "runtime=3: give a GotRuntime"),
        ({"runtime": GotRuntime}, "give a GotRuntime, or leave it out"),
        ({"max_tokens": "512"}, "max_tokens='512': give at least 1"),
        ({"max_tokens": 2.5}, r"max_tokens=2\.5: give at least 1"),
        ({"devices": "cuda:0"}, "give a list"),
        ({"devices": [0]}, "give a list"),
        ({"device": 0}, "device=0: give a name"),
        ({"batch_size": "4"}, "batch_size='4': give a whole number"),
        ({"model": ""}, "model='': give a folder, a hub id, or None for got-nano"),
        ({"mode": "chunk", "chunker": 5}, "chunker=5: give a function"),
        ({"mode": "chunk", "count_tokens": "gpt2"}, "count_tokens='gpt2': give a function .* or a tokenizer"),
        ({"count_tokens": len}, "count_tokens= has no effect with mode='page'"),
        ({"mode": "chunk", "chunker": list, "count_tokens": len}, "leave count_tokens out"),
    ],
)
def test_a_value_that_an_option_cannot_have_is_an_error(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        LOADERS[name](**options)


@every_loader
def test_a_loaded_runtime_and_model_settings_exclude_each_other(name: str, scripted: Scripted) -> None:
    with pytest.raises(OptionError, match="leave device, batch_size out"):
        LOADERS[name](runtime=scripted("text"), device="cpu", batch_size=4)


def test_model_and_engine_settings_reach_the_runtime(three_pages: Path) -> None:
    assert ModelConfig(batch_size=3, kv_cache_bytes=1 << 20).engine_config() == EngineConfig(
        batch_size=3, kv_cache_bytes=1 << 20
    )
    with pytest.raises(EngineError, match="no engine 'toch'"):
        GotLoader(three_pages, engine="toch").load()
    with pytest.raises(EngineError, match="batch_size=0"):
        GotConverter(batch_size=0)
    with pytest.raises(CheckpointNotFound, match="nobody/nothing"):
        GotReader(model="nobody/nothing", revision="v1", local_files_only=True).load_data(three_pages)


def test_no_list_of_options_lacks_one() -> None:
    assert list(ModelConfigDict.__annotations__) == ModelConfig.names()
    assert {each.name for each in dataclasses.fields(EngineConfig)} <= set(ModelConfig.names())
    assert set(GotReader.model_fields) == {
        *("mode", "max_tokens", "chunker", "count_tokens", "image_documents", "is_remote"),
        *ReadOptions.model_fields,
        *ModelConfig.names(),
    }


def test_a_task_can_be_given_by_its_name(scripted: Scripted, three_pages: Path) -> None:
    [document] = GotLoader(three_pages, task="format", mode="document", runtime=scripted(SOUP, "", "")).load()
    assert document.page_content.startswith("# Soup\n\n## Peas")
    assert GotReader(task="format").task == Formatted()


@pytest.mark.parametrize("limits", [Limits(max_pages=2), {"max_pages": 2}], ids=["object", "dictionary"])
def test_limits_survive_being_saved_and_pickled_in_every_loader(three_pages: Path, limits: Limits) -> None:
    with pytest.raises(LimitExceeded):
        pickle.loads(pickle.dumps(GotLoader(three_pages, limits=limits))).load()

    reader = GotReader(limits=limits)
    for copy in (pickle.loads(pickle.dumps(reader)), GotReader.from_json(reader.to_json())):
        assert copy.limits == Limits(max_pages=2)
        with pytest.raises(LimitExceeded):
            copy.load_data(three_pages)

    pipeline = Pipeline()
    pipeline.add_component("got", GotConverter(limits=limits, on_error="raise"))
    saved = pipeline.dumps()
    copied = Pipeline.loads(saved, allowed_modules=["got_loaders.haystack"])
    assert copied.dumps() == saved
    with pytest.raises(LimitExceeded):
        copied.get_component("got").run([three_pages])


def test_options_that_cannot_be_saved_are_an_error_and_a_password_is_left_out() -> None:
    with pytest.raises(OptionError, match="chunker= is a Python object and cannot be saved"):
        GotConverter(mode="chunk", chunker=list).to_dict()  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="count_tokens= is a Python object"):
        GotReader(mode="chunk", count_tokens=len).to_dict()
    assert "secret" not in json.dumps(GotReader(password="secret").to_dict())
    assert "secret" not in json.dumps(GotConverter(password="secret").to_dict())
    assert pickle.loads(pickle.dumps(GotReader(password="secret"))).password == "secret"


def test_the_repr_of_a_loader_has_the_options_that_were_given_but_no_password(scripted: Scripted) -> None:
    runtime = scripted("text")
    assert repr(GotLoader("a.pdf")) == "GotLoader('a.pdf')"
    options: dict[str, Any] = {"mode": "chunk", "task": "format", "limits": {"max_pages": 3}, "password": "secret"}
    shown = "mode='chunk', task=Formatted(), password=…, limits=Limits(max_pages=3)"
    address = GotLoader("https://me:secret@example.org/a.pdf", model="models/mine", **options)
    assert repr(address) == f"GotLoader('https://example.org/a.pdf', {shown}, model='models/mine')"
    assert repr(GotLoader([b"a", b"b"], runtime=runtime)) == f"GotLoader('2 sources', runtime={runtime!r})"
    assert repr(GotBlobParser(**options)) == f"GotBlobParser({shown})"
    assert repr(GotReader(**options)) == str(GotReader(**options)) == f"GotReader({shown})"
    assert repr(GotOcr(task="plain", max_new_tokens=9)) == "GotOcr(max_new_tokens=9)"
    assert "secret" not in repr(GotConverter(**options))


def test_the_repr_of_a_runtime_names_its_model_and_whether_it_is_closed(scripted: Scripted) -> None:
    runtime = scripted("text")
    assert repr(runtime) == "<GotRuntime got-nano, cpu, float32>"
    runtime.close()
    assert repr(runtime) == "<GotRuntime got-nano, cpu, float32, closed>"


def test_pickling_a_loader_with_a_runtime_warns_which_weights_the_copy_loads(
    scripted: Scripted, three_pages: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "got_loaders"):
        pickle.dumps(GotLoader(three_pages, runtime=scripted("text")))
    assert "its copy loads got-nano" in caplog.text
