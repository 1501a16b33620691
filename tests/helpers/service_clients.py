"""An application of the service with a scripted engine, its test client, and what events say."""

import io
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from helpers.scripted_pages import inked, scripted
from helpers.source_files import pdf_of, png_of
from PIL import Image

from got_runtime.model.checkpoint import LoadedModel
from got_runtime.serving import ServeSettings, create_app
from got_runtime.serving.server import listen, make_server


@contextmanager
def client_of(
    checkpoint: LoadedModel, *answers: str | Exception, latency: float = 0.0, key: str = "", **settings: Any
) -> Iterator[TestClient]:
    """A client of an application in this process. Pages have the ``answers``."""
    runtime = scripted(checkpoint, *(answers or ("some words",)), latency=latency)
    app = create_app(runtime, ServeSettings(**settings))
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with TestClient(app, raise_server_exceptions=False, headers=headers) as client:
        yield client


def page_png(number: int = 0) -> bytes:
    """A page that is not blank."""
    return png_of(inked(number))


@cache
def two_pages() -> bytes:
    """The same bytes each time: a PDF holds when it was made."""
    return pdf_of("one", "two")


def jpeg_of(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG")
    return buffer.getvalue()


def events_of(text: str) -> list[tuple[str, Any]]:
    """Names and data of server-sent events, without comments."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":"))
        if "event" in fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


@contextmanager
def served(app: FastAPI, settings: ServeSettings | None = None) -> Iterator[str]:
    """The address of a server of the application, which runs in a thread."""
    server = make_server(app, settings or ServeSettings())
    with listen("127.0.0.1", 0) as opened:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]})
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive()
                time.sleep(0.01)
            yield f"http://127.0.0.1:{opened.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
