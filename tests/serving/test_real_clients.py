"""Clients of other services, unchanged, read the letter from a running server.

Those that are not installed with the development environment are skipped: pip install mistralai litellm
"""

import base64
import importlib
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.service_clients import served

from got_runtime import GotRuntime
from got_runtime.cache import Network, PageCache, open_store
from got_runtime.engine.torch_engine.engine import TorchEngine
from got_runtime.model.checkpoint import LoadedModel
from got_runtime.serving import ServeSettings, create_app

ROOT = Path(__file__).parents[2]
KEY = "secret"
READ = "Thank you for the two boxes of plates."
NOT_INSTALLED = "a large client, which the development environment leaves out"


@pytest.fixture(scope="module")
def address(got_nano: LoadedModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of got-nano that decodes the letter once."""
    engine = TorchEngine(got_nano.model, got_nano.end_tokens)
    plain = GotRuntime(got_nano, engine)
    network = Network.of(got_nano.folder, "torch", plain.model_info)
    runtime = GotRuntime(got_nano, engine, cache=PageCache(open_store(tmp_path_factory.mktemp("cache")), network))
    settings = ServeSettings.model_validate({"keys": [KEY]})
    with served(create_app(runtime, settings), settings) as address:
        yield address


@pytest.fixture(scope="module")
def letter(pages: Path) -> Path:
    return pages / "letter.png"


@pytest.fixture(scope="module")
def uri(letter: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(letter.read_bytes()).decode()


def chat(uri: str) -> list[Any]:
    parts = [{"type": "text", "text": "OCR: "}, {"type": "image_url", "image_url": {"url": uri}}]
    return [{"role": "user", "content": parts}]


def installed(name: str) -> Any:
    pytest.importorskip(name, reason=NOT_INSTALLED)
    return importlib.import_module(name)


def test_openai(address: str, uri: str) -> None:
    openai = installed("openai")
    with openai.OpenAI(base_url=f"{address}/v1", api_key=KEY) as client:
        model = client.models.list().data[0].id
        answer = client.chat.completions.create(model=model, messages=chat(uri), temperature=0)
        assert READ in answer.choices[0].message.content
        assert answer.choices[0].finish_reason == "stop"
        streamed = client.chat.completions.create(model=model, messages=chat(uri), stream=True)
        assert "".join(part.choices[0].delta.content or "" for part in streamed) == answer.choices[0].message.content
        with pytest.raises(openai.NotFoundError, match="got-nano"):
            client.chat.completions.create(model="gpt-4o", messages=chat(uri))
    with (
        openai.OpenAI(base_url=f"{address}/v1", api_key="wrong") as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.models.list()


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_haystacks_converter_for_docling_serve(address: str, letter: Path, mode: str) -> None:
    module = installed("haystack_integrations.components.converters.docling_serve")
    secret = importlib.import_module("haystack.utils").Secret.from_token(KEY)
    converter = module.DoclingServeConverter(base_url=address, api_key=secret, mode=mode, poll_interval=0.2)
    (document,) = converter.run(sources=[letter])["documents"]
    assert READ in document.content


def test_mistral(address: str, uri: str, letter: Path) -> None:
    client = installed("mistralai.client").Mistral(api_key=KEY, server_url=address)
    answer = client.ocr.process(model=None, document={"type": "image_url", "image_url": uri})
    assert READ in answer.pages[0].markdown
    assert answer.pages[0].blocks[0].type == "text"
    file = client.files.upload(file={"file_name": "letter.png", "content": letter.read_bytes()}, purpose="ocr")
    for document in (
        {"type": "file", "file_id": file.id},
        {"type": "document_url", "document_url": client.files.get_signed_url(file_id=file.id).url},
    ):
        assert READ in client.ocr.process(model=None, document=document).pages[0].markdown
    assert client.files.delete(file_id=file.id).deleted


def test_litellm(address: str, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "true")
    litellm = installed("litellm")
    document = {"type": "image_url", "image_url": uri}
    answer = litellm.ocr(model="mistral/got-ocr", document=document, api_base=f"{address}/v1", api_key=KEY)
    assert READ in answer.pages[0].markdown


@pytest.mark.parametrize("client", ["openai", "haystack_integrations", "mistralai", "litellm"])
def test_the_snippets_of_the_docs_run(
    address: str, client: str, uri: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    installed(client)
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "true")
    text = (ROOT / "docs" / "service.md").read_text("utf-8")
    snippets = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    chosen = [each for each in snippets if client in each]
    if client == "litellm":  # it goes on where Mistral's ends
        chosen = [f"document = {{'type': 'image_url', 'image_url': {uri!r}}}", *chosen]
    code = "\n".join(chosen).replace("http://127.0.0.1:5001", address)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the clients, and of files that a snippet leaves open
        exec(compile(code, "docs/service.md", "exec"), {})
    assert READ in capsys.readouterr().out
