"""Under load: bounded waiting, fairness, clients that go away, slow bodies, stopping."""

import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from helpers.scripted_pages import scripted
from helpers.service_clients import client_of, page_png, served, two_pages
from helpers.source_files import open_files, pdf_of

from got_runtime.model.checkpoint import LoadedModel
from got_runtime.serving import ServeSettings, create_app

PDF = {"Content-Type": "application/pdf"}


@contextmanager
def server(
    checkpoint: LoadedModel, *answers: str, latency: float = 0.0, **settings: Any
) -> Iterator[tuple[FastAPI, str]]:
    chosen = ServeSettings(**settings)
    app = create_app(scripted(checkpoint, *answers, latency=latency), chosen)
    with served(app, chosen) as address:
        yield app, address


def until(holds: Callable[[], bool], seconds: float = 1.0) -> float:
    """Seconds until something holds."""
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < seconds
        time.sleep(0.01)
    return time.monotonic() - started


def begun(address: str, accept: str) -> socket.socket:
    """A connection whose document is being read."""
    host, port = address.removeprefix("http://").split(":")
    opened = socket.create_connection((host, int(port)))
    body = page_png()
    head = f"POST /v1/read HTTP/1.1\r\nHost: {host}\r\nContent-Type: image/png\r\nAccept: {accept}\r\n"
    opened.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return opened


def test_too_many_waiting_pages_are_refused_with_a_time_to_wait(checkpoint: LoadedModel) -> None:
    with client_of(checkpoint, "word " * 300, latency=0.01, readers=1, max_waiting_pages=3) as client:
        accepted = [client.post("/v1/jobs", content=two_pages(), headers=PDF) for _ in range(2)]
        assert [answer.status_code for answer in accepted] == [202, 202]
        refused = client.post("/v1/jobs", content=two_pages(), headers=PDF)
        assert (refused.status_code, refused.json()["code"], refused.json()["waiting_pages"]) == (429, "Busy", 2)
        assert int(refused.headers["Retry-After"]) == refused.json()["retry_after"] >= 2
        capacity = client.get("/v1/capacity").json()
        assert (capacity["waiting_pages"], capacity["reading_documents"]) == (2, 1)
        for answer in accepted:
            client.delete(answer.json()["links"]["self"])
        assert client.get("/v1/capacity").json()["waiting_pages"] == 0
        assert client.post("/v1/jobs", content=two_pages(), headers=PDF).status_code == 202


def test_a_document_larger_than_the_bound_is_read_when_nothing_waits(checkpoint: LoadedModel) -> None:
    with client_of(checkpoint, max_waiting_pages=1) as client:
        assert client.post("/v1/read", content=two_pages(), headers=PDF).status_code == 200


def test_long_documents_leave_readers_to_short_ones(checkpoint: LoadedModel) -> None:
    long_one = pdf_of(*["a"] * 20)
    with client_of(checkpoint, "one two three", latency=0.02, readers=2) as client:
        jobs = [client.post("/v1/jobs", content=long_one, headers=PDF).json() for _ in range(2)]
        assert client.post("/v1/read", content=page_png(), headers={"Content-Type": "image/png"}).status_code == 200
        states = [client.get(job["links"]["self"]).json()["status"] for job in jobs]
        assert states == ["reading", "waiting"]


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream", "application/x-ndjson"])
def test_clients_that_go_away_free_their_rows(checkpoint: LoadedModel, accept: str) -> None:
    with server(checkpoint, "word " * 1000, latency=0.01, readers=10) as (app, address):
        service = app.state.service
        connections = [begun(address, accept) for _ in range(20)]
        until(lambda: service.queue.reading_documents == 10 and service.queue.waiting_pages == 10, 3)
        for connection in connections:
            connection.close()
        until(lambda: service.queue.reading_documents == service.queue.waiting_pages == 0, 5)  # half a second, if idle


def test_nothing_is_left_open(checkpoint: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("got_runtime.serving.uploads.MEMORY_BYTES", 10)
    with server(checkpoint, "word") as (app, address), httpx2.Client(base_url=address) as client:

        def round_of_requests() -> int:
            for body in (page_png(), b"%PDF-1.4 broken"):
                for accept in ("application/json", "text/event-stream"):
                    client.post("/v1/read", files={"file": ("a.pdf", body)}, headers={"Accept": accept})
            return open_files()

        first = round_of_requests()
        assert [round_of_requests() for _ in range(2)] == [first] * 2
        assert list(app.state.service.state.uploads.iterdir()) == []


def test_a_body_that_arrives_too_slowly_is_refused(checkpoint: LoadedModel) -> None:
    with server(checkpoint, "word", idle_seconds=0.2) as (_, address):
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as opened:
            opened.sendall(
                b"POST /v1/read HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nContent-Length: 99\r\n\r\nabc"
            )
            with opened.makefile("rb") as stream:  # the head and the body may come apart
                answer = stream.read().decode()
        assert answer.startswith("HTTP/1.1 408")
        assert '"code":"RequestTimeout"' in answer


def test_a_signal_lets_what_was_accepted_finish(checkpoint: LoadedModel) -> None:
    settings = ServeSettings()
    app = create_app(scripted(checkpoint, "word " * 40, latency=0.01), settings)
    answers: list[httpx2.Response] = []
    from got_runtime.serving.server import listen, make_server

    running = make_server(app, settings)
    with listen("127.0.0.1", 0) as opened:
        address = f"http://127.0.0.1:{opened.getsockname()[1]}"
        thread = threading.Thread(target=running.run, kwargs={"sockets": [opened]})
        thread.start()
        until(lambda: running.started, 5)
        body = page_png()
        headers = {"Content-Type": "image/png"}
        client = threading.Thread(
            target=lambda: answers.append(httpx2.post(f"{address}/v1/read", content=body, headers=headers, timeout=30))
        )
        client.start()
        until(lambda: app.state.service.queue.reading_documents == 1, 3)
        running.handle_exit(signal.SIGTERM, None)
        client.join()
        thread.join()
    assert answers[0].status_code == 200
    assert json.loads(answers[0].content)["pages"][0]["finish_reason"] == "stop"


def test_while_the_service_is_stopped_nothing_new_is_accepted(checkpoint: LoadedModel) -> None:
    with client_of(checkpoint) as client:
        assert isinstance(client, TestClient)
        client.app.state.service.drain()  # type: ignore[attr-defined]
        for answer in (client.get("/ready"), client.post("/v1/read", content=page_png())):
            assert (answer.status_code, answer.json()["code"], answer.json()["retryable"]) == (503, "Draining", True)
        assert client.get("/health").status_code == 200
