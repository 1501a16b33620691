"""POST /v1/read: kinds of bodies, formats of answers, options."""

import base64
import json

import pytest
from fastapi.testclient import TestClient
from helpers.service_clients import client_of, events_of, page_png, two_pages

from got_runtime import DocumentResult, PageResult, ReadOptions
from got_runtime.model.checkpoint import LoadedModel


def test_a_file_is_read_to_a_document_result(client: TestClient) -> None:
    answer = client.post("/v1/read", files={"file": ("scans/scan.png", page_png())})
    assert answer.status_code == 200
    document = DocumentResult.model_validate(answer.json())
    assert (document.source, document.text) == ("scan.png", "some words")
    assert document.pages[0].label == "scan"


def test_the_bytes_of_a_document_are_a_body_too(client: TestClient) -> None:
    answer = client.post("/v1/read?pages=2", content=two_pages(), headers={"Content-Type": "application/pdf"})
    assert [page["number"] for page in answer.json()["pages"]] == [2]


def test_json_carries_base64_and_options(client: TestClient) -> None:
    source = {"data": base64.b64encode(two_pages()).decode(), "name": "two.pdf"}
    answer = client.post("/v1/read", json={"source": source, "options": {"pages": [1], "task": "format"}})
    document = answer.json()
    assert (document["source"], document["settings"]["task"]["kind"], len(document["pages"])) == (
        "two.pdf",
        "format",
        1,
    )


def test_a_data_address_is_no_remote_one(client: TestClient) -> None:
    source = {"data": "data:image/png;base64," + base64.b64encode(page_png()).decode()}
    assert client.post("/v1/read", json={"source": source}).status_code == 200


def test_form_fields_are_options_with_json_where_they_are_objects(client: TestClient) -> None:
    fields = {
        "task": '{"kind": "box", "x1": 0, "y1": 0, "x2": 0.5, "y2": 1, "unit": "fraction"}',
        "rotate": "90",
        "boxes": "true",
        "max_new_tokens": "50",
        "limits": '{"max_pages": 3}',
        "password": "1234",
    }
    answer = client.post("/v1/read", files={"file": ("a.png", page_png())}, data=fields)
    settings = answer.json()["settings"]
    assert (settings["rotate"], settings["boxes"], settings["task"]["kind"]) == (90, True, "box")
    assert settings["limits"]["max_pages"] == 3
    assert "1234" not in answer.text


def test_every_option_is_accepted_and_described(client: TestClient) -> None:
    given = json.loads(ReadOptions().model_dump_json()) | {"password": None}
    answer = client.post("/v1/read", files={"file": ("a.png", page_png())}, data={"options": json.dumps(given)})
    assert answer.status_code == 200
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    for name in ("ReadOptions", "ReadForm"):
        assert set(ReadOptions.model_fields) <= set(schemas[name]["properties"])


def test_accept_chooses_the_format(checkpoint: LoadedModel) -> None:
    with client_of(checkpoint, r"\title{A head}") as client:

        def read(accept: str) -> str:
            answer = client.post(
                "/v1/read?task=format",
                content=page_png(),
                headers={"Content-Type": "image/png", "Accept": accept},
            )
            assert answer.headers["Content-Type"].startswith(accept.split(",", maxsplit=1)[0])
            return answer.text

        assert read("text/markdown, */*;q=0.1") == "# A head\n"
        assert "<h1>A head</h1>" in read("text/html")
        assert read("text/plain") == r"\title{A head}"


def test_json_lines_have_a_page_each(client: TestClient) -> None:
    answer = client.post(
        "/v1/read", files={"file": ("two.pdf", two_pages())}, headers={"Accept": "application/x-ndjson"}
    )
    pages = [PageResult.model_validate_json(line) for line in answer.text.splitlines()]
    assert [(page.number, page.source) for page in pages] == [(1, "two.pdf"), (2, "two.pdf")]


def test_events_tell_of_tokens_and_pages(client: TestClient) -> None:
    answer = client.post(
        "/v1/read?include=markdown,elements",
        content=two_pages(),
        headers={"Content-Type": "application/pdf", "Accept": "text/event-stream"},
    )
    events = events_of(answer.text)
    assert events[0] == ("accepted", {"source": "upload", "pages": [1, 2], "waiting_pages": 0})
    spoken = [data["text"] for name, data in events if name == "token" and data["page"] == 1]
    assert len(spoken) > 2
    assert "".join(spoken) == "some words"
    pages = [data for name, data in events if name == "page"]
    assert [page["markdown"] for page in pages] == ["some words\n"] * 2
    assert pages[0]["elements"][0]["kind"] == "paragraph"
    name, done = events[-1]
    assert (name, done["pages"], done["failed"], done["source"]) == ("done", 2, 0, "upload")


def test_a_page_that_fails_is_a_result_unless_errors_are_to_be_raised(checkpoint: LoadedModel) -> None:
    with client_of(checkpoint, RuntimeError("the device is gone")) as client:
        kept = client.post("/v1/read", files={"file": ("a.png", page_png())})
        assert kept.json()["pages"][0]["error"]["type"] == "EngineError"
        raised = client.post("/v1/read", files={"file": ("a.png", page_png())}, data={"on_error": "raise"})
        assert (raised.status_code, raised.json()["code"], raised.json()["retryable"]) == (503, "EngineError", True)
        streamed = client.post(
            "/v1/read",
            files={"file": ("a.png", page_png())},
            data={"on_error": "raise"},
            headers={"Accept": "text/event-stream"},
        )
        assert events_of(streamed.text)[-1][1]["code"] == "EngineError"


def test_large_uploads_leave_no_file(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("got_runtime.serving.uploads.MEMORY_BYTES", 10)
    folder = client.app.state.service.state.uploads  # type: ignore[attr-defined]
    for content in (page_png(), b"no page at all"):
        client.post("/v1/read", files={"file": ("a.png", content)})
        client.post("/v1/read", files={"file": ("a.png", content)}, headers={"Accept": "text/event-stream"})
    assert list(folder.iterdir()) == []


def test_the_service_tells_of_itself(client: TestClient) -> None:
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/ready").json() == {"status": "ready"}
    info = client.get("/v1/info").json()
    assert info["model"]["name"] == "got-nano"
    assert "github.com" in info["source"]["pymupdf"]
    assert client.get("/v1/capacity").json()["waiting_pages"] == 0
    assert 'got_pages_total{finish_reason="stop"}' in client.get("/metrics").text
