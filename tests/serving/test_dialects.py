"""The dialects: what each answers, and that it refuses in its own shape what cannot be done."""

import base64
import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from helpers.service_clients import client_of, page_png, two_pages

from got_runtime.model.checkpoint import LoadedModel

PNG = "data:image/png;base64," + base64.b64encode(page_png()).decode()
TABLE = r"\title{Prices} \begin{tabular}{|l|l|}\hline tea & 2 \\ \hline\end{tabular}"


def chat(text: str = "OCR: ", images: int = 1, **fields: Any) -> dict[str, Any]:
    image = {"type": "image_url", "image_url": {"url": PNG}}
    content = [{"type": "text", "text": text}, *[image] * images]
    return {"model": "got-nano", "messages": [{"role": "user", "content": content}], **fields}


@pytest.mark.parametrize(
    ("query", "images", "kind"),
    [
        ("OCR: ", 1, "plain"),
        ("", 1, "plain"),
        ("format", 1, "format"),
        ("OCR with format: ", 1, "format"),
        ("[red] OCR: ", 1, "color"),
        ("[0, 0, 900, 1000] OCR with format: ", 1, "box"),
        ("OCR upon the patch reference: ", 1, "tiles"),
        ("OCR with format across multi pages: ", 2, "pages"),
        ("OCR: ", 2, "pages"),
    ],
)
def test_the_text_of_a_chat_message_is_an_official_query(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, query: str, images: int, kind: str
) -> None:
    service = client.app.state.service  # type: ignore[attr-defined]
    tasks, admit = list[Any](), service.admit

    async def admitted(reading: Any) -> Any:
        tasks.append(reading.options.task)
        return await admit(reading)

    monkeypatch.setattr(service, "admit", admitted)
    answer = client.post("/v1/chat/completions", json=chat(query, images))
    assert answer.json()["choices"][0]["message"]["content"] == "some words"
    assert tasks[0].kind == kind
    assert tasks[0].formatted == ("format" in query)


def test_a_box_reaches_the_network_as_it_was_given(checkpoint: LoadedModel) -> None:
    from got_runtime.serving.dialects.openai import _box
    from got_runtime.tasks import Box, PageFrame

    for width, height in ((200, 100), (1653, 2339)):
        box = Box(**_box("1, 23, 456, 999"), formatted=False)
        assert box.query(PageFrame(width, height)).text == "[1, 23, 456, 999] OCR: "


def test_a_chat_is_streamed_token_by_token(client: TestClient) -> None:
    body = chat(stream=True, stream_options={"include_usage": True})
    lines = client.post("/v1/chat/completions", json=body).text.strip().split("\n\n")
    assert lines[-1] == "data: [DONE]"
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    pieces = [chunk["choices"][0]["delta"].get("content", "") for chunk in chunks if chunk["choices"]]
    assert "".join(pieces) == "some words"
    assert len(pieces) > 4
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["usage"]["completion_tokens"] > 2


REFUSED: list[tuple[str, Any, int]] = [
    *[("/v1/chat/completions", body, status) for body, status in (
        (chat("Describe this picture."), 400),
        (chat("[5] OCR: "), 400),
        (chat("[0, 0, 2000, 5] OCR: "), 400),
        (chat("[red] OCR: ", 2), 400),
        (chat("OCR upon the patch reference: ", 2), 400),
        (chat(images=0), 400),
        (chat(model="gpt-4o"), 404),
        (chat(temperature=0.7), 422),
        (chat(n=2), 422),
        (chat(response_format={"type": "json_object"}), 422),
        (chat(max_tokens=-1), 422),
        (chat(options={"dpi": 5}), 422),
        (chat(options=[]), 422),
        (chat(audio={}), 422),
        ({"model": "got-nano", "messages": []}, 400),
        ({"model": "got-nano", "messages": [{"role": "system", "content": "x"}]}, 400),
        ([], 400),
    )],
    *[("/v1/ocr", body, status) for body, status in (
        ({"model": "gpt-4o", "document": {"type": "image_url", "image_url": PNG}}, 404),
        ({"document": {"type": "image_url", "image_url": PNG}, "extract_header": True}, 422),
        ({"document": {"type": "image_url", "image_url": PNG}, "document_annotation_format": {}}, 422),
        ({"document": {"type": "image_url", "image_url": PNG}, "pages": [-1]}, 422),
        ({"document": {"type": "image_url", "image_url": PNG}, "pages": "a-b"}, 422),
        ({"document": {"type": "document_url", "document_url": "https://example.com/a.pdf"}}, 403),
        ({"document": {"type": "file", "file_id": "../../etc/passwd"}}, 404),
        ({"document": {"type": "video"}}, 422),
        ({}, 422),
    )],
    *[("/v1/convert/source", body, status) for body, status in (
        ({"sources": [{"kind": "http", "url": "https://example.com/a.pdf"}]}, 403),
        ({"sources": [{"kind": "file", "base64_string": "!"}]}, 422),
        ({"sources": []}, 422),
        ({"sources": [{"kind": "s3"}]}, 422),
        ({"sources": [], "options": {"ocr_engine": "easyocr"}}, 422),
        ({"sources": [], "options": {"to_formats": ["doctags"]}}, 422),
        ({"sources": [], "options": {"page_range": [3]}}, 422),
        ({"sources": [], "target": {"kind": "zip"}}, 422),
    )],
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "status"), REFUSED, ids=range(len(REFUSED)))
def test_what_cannot_be_done_is_refused_in_the_shape_of_the_dialect(
    client: TestClient, path: str, body: Any, status: int
) -> None:
    answer = client.post(path, json=body)
    assert answer.status_code == status, answer.text
    told = answer.json()
    message = {
        "/v1/chat/completions": lambda: told["error"]["message"],
        "/v1/ocr": lambda: told["message"],
        "/v1/convert/source": lambda: told["detail"],
    }[path]()
    assert isinstance(message, str)
    assert message


def test_mistral_pages_have_tables_apart_and_blocks(checkpoint: LoadedModel) -> None:
    with client_of(checkpoint, TABLE, task="format") as client:

        def page(**fields: Any) -> dict[str, Any]:
            body = {"model": None, "document": {"type": "image_url", "image_url": {"url": PNG}}, **fields}
            (found,) = client.post("/v1/ocr", json=body).json()["pages"]
            assert isinstance(found, dict)
            return found

        inline = page()
        assert inline["markdown"].startswith("# Prices\n\n|")
        assert (inline["index"], inline["tables"], inline["dimensions"]["width"]) == (0, [], 200)
        apart = page(table_format="html", pages="0", include_blocks=False, confidence_scores_granularity="word")
        assert "[tbl-0.html](tbl-0.html)" in apart["markdown"]
        assert apart["tables"][0]["content"].startswith("<table>")
        assert "blocks" not in apart
        scores = apart["confidence_scores"]
        assert scores["average_page_confidence_score"] == 1.0


def test_docling_pages_formats_and_tasks(client: TestClient) -> None:
    fields: dict[str, Any] = {"to_formats": ["md", "html", "text"], "page_range": ["2", "9223372036854775807"]}
    answer = client.post("/v1/convert/file", files={"files": ("two.pdf", two_pages())}, data=fields).json()
    document = answer["document"]
    assert (answer["status"], document["filename"]) == ("success", "two.pdf")
    assert document["md_content"].strip() == document["text_content"].strip() == "some words"
    assert "<p>some words</p>" in document["html_content"]
    fields = {"md_page_break_placeholder": "<!-- page -->"}
    task = client.post("/v1/convert/file/async", files={"files": ("two.pdf", two_pages())}, data=fields).json()
    state = client.get(f"/v1/status/poll/{task['task_id']}?wait=10").json()
    assert state["task_status"] == "success"
    document = client.get(f"/v1/result/{task['task_id']}").json()["document"]
    assert document["md_content"] == "some words\n\n<!-- page -->\n\nsome words"
    assert client.get("/v1/result/none").json()["detail"].startswith("there is no job")


def test_docling_tells_of_pages_that_failed(checkpoint: LoadedModel) -> None:
    with client_of(checkpoint, "a page", RuntimeError("the device is gone")) as client:
        answer = client.post("/v1/convert/file", files={"files": ("two.pdf", two_pages())}).json()
        assert (answer["status"], answer["errors"][0]["module_name"]) == ("partial_success", "EngineError")
        aborted = client.post(
            "/v1/convert/file", files={"files": ("two.pdf", two_pages())}, data={"abort_on_error": "true"}
        )
        assert (aborted.status_code, aborted.json().keys()) == (503, {"detail"})


def test_open_webui_gets_a_document_for_each_page(client: TestClient) -> None:
    headers = {"X-Filename": "two%20pages.pdf", "Content-Type": "application/pdf"}
    documents = client.put("/process?ocr=always", content=two_pages(), headers=headers).json()
    assert [document["page_content"] for document in documents] == ["some words"] * 2
    assert (documents[1]["metadata"]["source"], documents[1]["metadata"]["page"]) == ("two pages.pdf", 1)
    broken = client.put("/process", content=b"no page", headers=headers)
    assert (broken.status_code, broken.json().keys()) == (415, {"detail"})


def test_liteparse_gets_text_with_boxes(client: TestClient) -> None:
    answer = client.post("/ocr", files={"file": ("a.png", page_png())}, data={"language": "en"})
    assert answer.status_code == 200
    for found in answer.json()["results"]:
        assert len(found["bbox"]) == 4
    refused = client.post("/ocr", files={"file": ("a.png", page_png())}, data={"language": "fr"})
    assert (refused.status_code, refused.json()) == (422, {"error": "language='fr': the model reads en"})


def test_without_a_key_each_dialect_answers_in_its_shape(checkpoint: LoadedModel) -> None:
    with client_of(checkpoint, keys=("k",)) as client:
        assert client.post("/v1/chat/completions").json()["error"]["type"] == "authentication_error"
        assert client.post("/v1/ocr").json()["object"] == "error"
        for answer in (client.post("/v1/convert/file"), client.put("/process")):
            assert (answer.status_code, answer.json().keys()) == (401, {"detail"})
