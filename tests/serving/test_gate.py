"""Keys, origins and headers: what a request passes before its route."""

import asyncio
from typing import Any

import pytest
from fastapi.testclient import TestClient
from helpers.service_clients import client_of, page_png

from got_runtime.model.checkpoint import LoadedModel
from got_runtime.serving import ServeSettings
from got_runtime.serving.gate import Gate, on_path


def test_without_a_key_only_health_and_the_page_are_answered(checkpoint: LoadedModel) -> None:
    with client_of(checkpoint, keys=("first", "second")) as client:
        for path in ("/health", "/ready", "/openapi.json"):
            assert client.get(path).status_code == 200
        for path in ("/v1/info", "/metrics", "/v1/capacity", "/nowhere"):
            answer = client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (401, "Unauthorized")
            assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert client.post("/v1/read", files={"file": ("a.png", page_png())}).status_code == 401
        for headers in ({"Authorization": "Bearer second"}, {"X-Api-Key": "first"}):
            assert client.get("/v1/info", headers=headers).status_code == 200
        for wrong in ("Bearer firs", "Bearer firstt", "Basic first", "Bearer", "Bearer é"):
            assert client.get("/v1/info", headers=[(b"Authorization", wrong.encode())]).status_code == 401


def test_pages_of_other_origins_may_not_call(checkpoint: LoadedModel) -> None:
    with client_of(checkpoint, allowed_origins=("https://friend.example",)) as client:
        assert client.get("/v1/info", headers={"Origin": "http://testserver"}).status_code == 200
        friend = client.get("/v1/info", headers={"Origin": "https://friend.example"})
        assert friend.headers["Access-Control-Allow-Origin"] == "https://friend.example"
        for origin in ("https://evil.example", "null", "http://[", "http://testserver.evil.example"):
            answer = client.get("/v1/info", headers={"Origin": origin})
            assert (answer.status_code, answer.json()["code"]) == (403, "OriginForbidden")


@pytest.mark.parametrize("path", ["/v1/info", "/nowhere", "/health"])
def test_no_browser_guesses_another_type(client: TestClient, path: str) -> None:
    assert client.get(path).headers["X-Content-Type-Options"] == "nosniff"


def test_the_html_of_a_page_runs_nothing(client: TestClient) -> None:
    answer = client.post("/v1/read", files={"file": ("a.png", page_png())}, headers={"Accept": "text/html"})
    assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")


def test_jobs_and_files_belong_to_their_key(checkpoint: LoadedModel) -> None:
    with client_of(checkpoint, keys=("first", "second")) as client:
        mine, theirs = ({"X-Api-Key": key} for key in ("first", "second"))
        job = client.post("/v1/jobs", files={"file": ("a.png", page_png())}, headers=mine).json()
        file = client.post("/v1/files", files={"file": ("a.png", page_png())}, headers=mine).json()
        paths = [*job["links"].values(), f"/v1/files/{file['id']}", f"/v1/files/{file['id']}/content"]
        assert client.get(f"{job['links']['self']}?wait=10", headers=mine).json()["status"] == "done"
        for path in paths:
            assert client.get(path, headers=mine).status_code == 200
            assert client.get(path, headers=theirs).status_code == 404
        assert client.get("/v1/files", headers=theirs).json()["data"] == []
        for path in (job["links"]["self"], f"/v1/files/{file['id']}"):
            assert client.delete(path, headers=theirs).status_code == 404
            assert client.delete(path, headers=mine).is_success


def test_a_service_of_this_machine_answers_to_its_own_names(checkpoint: LoadedModel) -> None:
    with client_of(checkpoint, hosts=("localhost", "::1")) as client:
        for host in ("localhost", "localhost:5001", "[::1]:5001", "LOCALHOST"):
            assert client.get("/health", headers={"Host": host}).status_code == 200
        for host in ("evil.example", "localhost.evil.example:5001", "[", "a@localhost@evil.example"):
            answer = client.get("/v1/info", headers={"Host": host})
            assert (answer.status_code, answer.json()["code"]) == (421, "HostForbidden")


def test_a_request_that_is_cut_off_by_the_end_is_told() -> None:
    """The server cancels what has not ended after ``drain_seconds``, and logs what the application raises."""
    sent: list[Any] = []

    async def cut_off(*_: Any) -> None:
        raise asyncio.CancelledError

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def run(draining: bool) -> None:
        gate = Gate(cut_off, ServeSettings(), on_path({}), lambda *_: None, lambda: draining)
        await gate({"type": "http", "method": "POST", "path": "/v1/read", "headers": []}, receive, send)

    asyncio.run(run(draining=True))
    assert sent[0]["status"] == 503
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run(draining=False))
