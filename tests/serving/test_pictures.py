"""Pictures of pages for the page in the browser."""

import base64
import io
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient
from helpers.scripted_pages import scripted
from helpers.service_clients import client_of, page_png, served, two_pages
from helpers.source_files import png_of
from PIL import Image

from got_runtime.model.checkpoint import LoadedModel
from got_runtime.serving import ServeSettings, create_app, picture_desk, pictures
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


def image_of(line: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(json.loads(line)["image"].removeprefix("data:image/jpeg;base64,"))))


def test_pictures_are_turned(client: TestClient) -> None:
    turned, wide = Image.new("RGB", (200, 100), "white"), {"Content-Type": "image/png"}
    turned.paste("black", (0, 0, 50, 100))
    picture = image_of(client.post("/v1/pages?rotate=90", content=png_of(turned), headers=wide).text)
    assert picture.size == (100, 200)
    rows = np.asarray(picture.convert("L")).mean(axis=1)
    assert rows[20] < 50
    assert rows[180] > 200


def test_pictures_keep_nobody_from_reading(checkpoint: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    released, closed = threading.Event(), list[bool]()

    def slow(*_: Any, **__: Any) -> Iterator[Any]:
        try:
            assert released.wait(20)
            yield from ()
        finally:
            closed.append(True)

    monkeypatch.setattr(pictures, "open_pages", slow)
    monkeypatch.setattr(picture_desk, "MOST_REQUESTS", 6)
    with client_of(checkpoint) as client, ThreadPoolExecutor(6) as threads:
        send = partial(client.post, content=page_png(), headers={"Content-Type": "image/png"})
        waiting = [threads.submit(send, "/v1/pages") for _ in range(6)]
        while (refused := send("/v1/pages?zoom=never")).status_code != 429:
            assert refused.status_code == 422  # counts no longer than it lasts
        assert refused.headers["Retry-After"]
        assert refused.json()["code"] == "Busy"
        assert send("/v1/read").status_code == 200
        released.set()
        assert [each.result().status_code for each in waiting] == [200] * 6
        assert len(closed) == 6
        assert send("/v1/pages").status_code == 200


def test_a_client_that_goes_away_ends_its_pictures(checkpoint: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, released, closed = threading.Event(), threading.Event(), threading.Event()

    def slow(*_: Any, **__: Any) -> Iterator[Any]:
        try:
            begun.set()
            assert released.wait(20)
            yield from ()
        finally:
            closed.set()

    monkeypatch.setattr(pictures, "open_pages", slow)
    app = create_app(scripted(checkpoint, "words"), ServeSettings())
    with served(app) as address, httpx.Client() as client:
        body = {"content": page_png(), "headers": {"Content-Type": "image/png"}}
        with client.stream("POST", f"{address}/v1/pages", **body):  # type: ignore[arg-type]
            assert begun.wait(10)
        released.set()
        assert closed.wait(10)


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
