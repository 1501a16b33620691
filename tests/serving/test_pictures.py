"""Pictures of pages for the page in the browser."""

import base64
import io
import json

from fastapi.testclient import TestClient
from helpers.service_clients import page_png, two_pages
from PIL import Image

from got_runtime.serving.pictures import LONG_SIDE


def test_each_selected_page_has_a_picture(client: TestClient) -> None:
    answer = client.post("/v1/pages?pages=2,1", content=two_pages(), headers={"Content-Type": "application/pdf"})
    assert answer.status_code == 200
    shown = [json.loads(line) for line in answer.text.splitlines()]
    assert [(each["number"], each["total"]) for each in shown] == [(2, 2), (1, 2)]
    for each in shown:
        image = Image.open(io.BytesIO(base64.b64decode(each["image"].removeprefix("data:image/jpeg;base64,"))))
        assert image.size == (each["width"], each["height"])
        assert max(image.size) <= LONG_SIDE


def test_a_document_that_cannot_be_opened_is_a_problem(client: TestClient) -> None:
    answer = client.post("/v1/pages", files={"file": ("a.pdf", b"%PDF-1.7 nothing")})
    assert json.loads(answer.text)["problem"]["code"] == "SourceCorrupt"
    answer = client.post("/v1/pages?zoom=never", content=page_png(), headers={"Content-Type": "image/png"})
    assert answer.json()["code"] == "OptionError"


def test_the_page_and_its_files_are_served(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    for name, kind in (("app.js", "javascript"), ("style.css", "css"), ("samples/minutes.pdf", "pdf")):
        assert kind in client.get(f"/static/{name}").headers["content-type"]
    assert client.get("/static/%2e%2e/app.py").status_code == 404
