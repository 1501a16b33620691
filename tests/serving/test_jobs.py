"""/v1/jobs: accepted, read, kept, resumed after a restart, removed."""

import time
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from helpers.service_clients import client_of, events_of, page_png, two_pages

from got_runtime.model.checkpoint import LoadedModel

PDF = {"Content-Type": "application/pdf"}


def accept(client: TestClient, headers: dict[str, str] | None = None, query: str = "") -> dict[str, Any]:
    answer = client.post(f"/v1/jobs{query}", content=two_pages(), headers={**PDF, **(headers or {})})
    assert answer.status_code == 202
    job: dict[str, Any] = answer.json()
    assert answer.headers["Location"] == f"/v1/jobs/{job['id']}"
    return job


def done(client: TestClient, id: str) -> dict[str, Any]:
    state: dict[str, Any] = client.get(f"/v1/jobs/{id}?wait=10").json()
    assert state["status"] == "done"
    return state


def test_a_job_is_read_and_its_result_may_be_fetched_twice(client: TestClient) -> None:
    job = accept(client)
    assert (job["status"], job["pages"], job["pages_done"]) == ("waiting", 2, 0)
    state = done(client, job["id"])
    assert state["pages_done"] == 2
    assert state["expires"] > time.time()
    for _ in range(2):
        result = client.get(job["links"]["result"])
        assert [page["text"] for page in result.json()["pages"]] == ["some words"] * 2
    markdown = client.get(job["links"]["result"], headers={"Accept": "text/markdown"})
    assert markdown.text == "some words some words\n"  # a paragraph that goes on


def test_events_resume_after_the_last_one_that_was_seen(client: TestClient) -> None:
    job = accept(client, query="?include=markdown")
    done(client, job["id"])
    events = events_of(client.get(job["links"]["events"]).text)
    assert [(name, data.get("number")) for name, data in events] == [("page", 1), ("page", 2), ("done", None)]
    assert events[0][1]["markdown"] == "some words\n"
    resumed = events_of(client.get(job["links"]["events"], headers={"Last-Event-ID": "1"}).text)
    assert [data.get("number") for _, data in resumed] == [2, None]
    assert client.get(job["links"]["events"], headers={"Last-Event-ID": "x"}).status_code == 422


def test_a_repeated_request_makes_no_second_job(client: TestClient) -> None:
    key = {"Idempotency-Key": "order-7"}
    first = accept(client, key)
    assert accept(client, key)["id"] == first["id"]
    assert accept(client)["id"] != first["id"]
    other = client.post("/v1/jobs", content=page_png(), headers={"Content-Type": "image/png", **key})
    assert (other.status_code, other.json()["code"]) == (422, "IdempotencyKeyReused")


def test_a_document_that_cannot_be_opened_makes_no_job(client: TestClient) -> None:
    answer = client.post("/v1/jobs", content=b"%PDF-1.4 broken", headers=PDF)
    assert (answer.status_code, answer.json()["code"]) == (422, "SourceCorrupt")


def test_jobs_that_do_not_exist_or_are_not_done(checkpoint: LoadedModel) -> None:
    with client_of(checkpoint, "many words " * 50, latency=0.02) as client:
        job = accept(client)
        early = client.get(job["links"]["result"])
        assert (early.status_code, early.json()["code"]) == (409, "JobNotDone")
        assert client.get(job["links"]["self"] + "?wait=x").json()["code"] == "InvalidRequest"
        started = time.monotonic()
        assert client.delete(job["links"]["self"]).status_code == 204
        assert time.monotonic() - started < 1
        for path in job["links"].values():
            assert client.get(path).json()["code"] == "JobNotFound"
        assert client.get("/v1/jobs/..%2f..%2fetc").status_code == 404


def test_what_ends_with_an_error_tells_it(checkpoint: LoadedModel) -> None:
    with client_of(checkpoint, RuntimeError("the device is gone")) as client:
        job = accept(client, query="?on_error=raise")
        state = client.get(job["links"]["self"] + "?wait=10").json()
        assert (state["status"], state["problem"]["code"]) == ("failed", "EngineError")
        assert client.get(job["links"]["result"]).status_code == 503
        assert events_of(client.get(job["links"]["events"]).text)[-1][0] == "error"


def test_a_restart_loses_nothing_and_reads_only_what_is_missing(checkpoint: LoadedModel, tmp_path: Path) -> None:
    with client_of(checkpoint, "first page", "second " * 40, latency=0.02, state=tmp_path) as client:
        job = accept(client, {"Idempotency-Key": "k"}, "?password=secret")
        folder = tmp_path / "jobs" / job["id"]
        while not (folder / "pages.jsonl").exists() or not (folder / "pages.jsonl").read_bytes():
            time.sleep(0.02)
    assert "secret" in (folder / "job.json").read_text()
    assert (folder.stat().st_mode & 0o77) == 0
    with (folder / "pages.jsonl").open("a") as lines:
        lines.write('{"source": "cut off')  # as after kill -9
    with client_of(checkpoint, "after the restart", state=tmp_path) as client:
        assert accept(client, {"Idempotency-Key": "k"}, "?password=secret")["id"] == job["id"]
        done(client, job["id"])
        texts = [page["text"] for page in client.get(job["links"]["result"]).json()["pages"]]
        assert texts == ["first page", "after the restart"]
    assert "secret" not in (folder / "job.json").read_text()
    assert not (folder / "source").exists()
    with client_of(checkpoint, state=tmp_path) as client:
        assert len(client.get(job["links"]["result"]).json()["pages"]) == 2


def test_what_was_accepted_only_in_part_is_removed(checkpoint: LoadedModel, tmp_path: Path) -> None:
    (tmp_path / "jobs" / "half").mkdir(parents=True)
    (tmp_path / "jobs" / "half" / "source").write_bytes(two_pages())
    with client_of(checkpoint, state=tmp_path):
        assert list((tmp_path / "jobs").iterdir()) == []


def test_jobs_whose_time_is_over_are_removed(checkpoint: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("got_runtime.serving.jobs.SWEEP_SECONDS", 0.05)
    with client_of(checkpoint, keep_seconds=0.2) as client:
        job = accept(client)
        done(client, job["id"])
        time.sleep(0.4)
        assert client.get(job["links"]["self"]).status_code == 404


def test_finished_jobs_do_not_fill_the_disk(checkpoint: LoadedModel) -> None:
    with client_of(checkpoint, max_kept_bytes=10) as client:
        accept(client)
        answer = client.post("/v1/jobs", content=page_png(), headers={"Content-Type": "image/png"})
        assert (answer.status_code, answer.json()["code"]) == (503, "StorageFull")
