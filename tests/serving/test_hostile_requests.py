"""Hostile requests: each has its status and a problem document, and none is logged as a traceback."""

import base64
import io
import json
import logging
import re
import socket
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from helpers.scripted_pages import scripted
from helpers.service_clients import page_png, served, two_pages
from helpers.source_files import hand_made_pdf, pdf_of
from PIL import Image

from got_runtime.model.checkpoint import LoadedModel
from got_runtime.serving import ServeSettings, create_app
from got_runtime.sources import Limits

LIMITS = Limits(max_pages=3, max_bytes=200_000, max_pixels=1_000_000, max_remote_bytes=10_000, max_remote_seconds=2)
SETTINGS = ServeSettings(limits=LIMITS, max_json_bytes=100_000, allow_remote=True)
PNG = base64.b64encode(page_png()).decode()


@pytest.fixture(scope="module")
def address(checkpoint: LoadedModel) -> Iterator[str]:
    with served(create_app(scripted(checkpoint, "some words"), SETTINGS), SETTINGS) as address:
        yield address


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=address, timeout=20) as client:
        yield client


@pytest.fixture(autouse=True)
def nothing_in_the_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.WARNING):
        yield
    for record in caplog.records:
        assert record.exc_info is None, record.getMessage()
        assert record.levelno < logging.ERROR


def bomb(side: int) -> bytes:
    """A PNG file of few bytes with many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(999))) + chunk(b"IEND", b"")


def gif(frames: int) -> bytes:
    buffer = io.BytesIO()
    images = [Image.new("L", (20, 20), shade) for shade in range(frames)]
    images[0].save(buffer, "GIF", save_all=True, append_images=images[1:])
    return buffer.getvalue()


def upload(content: bytes, name: str = "a.pdf", **fields: str) -> dict[str, Any]:
    return {"files": {"file": (name, content)}, "data": fields}


def option(**fields: str) -> dict[str, Any]:
    return upload(two_pages(), **fields)


def sent(data: Any) -> dict[str, Any]:
    return {"json": data}


def raw(content: bytes, kind: str) -> dict[str, Any]:
    return {"content": content, "headers": {"Content-Type": kind}}


def part(text: bytes) -> dict[str, Any]:
    return raw(b"--x\r\n" + text + b"\r\n--x--\r\n", "multipart/form-data; boundary=x")


def url(address: str) -> dict[str, Any]:
    return sent({"source": {"url": address}})


NAMELESS = b"Content-Disposition: form-data\r\n\r\n1"
REQUESTS: dict[str, tuple[dict[str, Any], int, str]] = {
    # Documents.
    "no bytes": (upload(b""), 422, "SourceCorrupt"),
    "a program": (upload(b"MZ\x90\x00"), 415, "SourceUnsupported"),
    "a container": (upload(b"PK\x03\x04aaaa"), 415, "SourceUnsupported"),
    "a web page": (upload(b"<html><script>alert(1)</script>"), 415, "SourceUnsupported"),
    "SVG": (upload(b"<svg xmlns:xlink='file:///etc/passwd'/>"), 415, "SourceUnsupported"),
    "PostScript": (upload(b"%!PS (file) run"), 415, "SourceUnsupported"),
    "a PDF that breaks off": (upload(two_pages()[:200]), 422, "SourceCorrupt"),
    "a PNG that breaks off": (upload(page_png()[:60]), 422, "SourceCorrupt"),
    "a bomb": (upload(bomb(60_000)), 413, "LimitExceeded"),
    "a smaller bomb": (upload(bomb(1_001)), 413, "LimitExceeded"),
    "too many pages": (upload(pdf_of(*"abcd")), 413, "LimitExceeded"),
    "too many frames": (upload(gif(9)), 413, "LimitExceeded"),
    "no page object": (upload(hand_made_pdf("5")), 200, ""),
    "a page as large as a country": (upload(hand_made_pdf("4")), 200, ""),
    "encrypted": (upload(pdf_of("a", encryption=4, user_pw="x")), 422, "SourceEncrypted"),
    "wrong password": (upload(pdf_of("a", encryption=4, user_pw="x"), password="y"), 422, "SourceEncrypted"),
    "too many bytes": (upload(b"%PDF-" + bytes(250_000)), 413, "LimitExceeded"),
    "far too many bytes": (raw(bytes(2_000_000), "application/pdf"), 413, "LimitExceeded"),
    # Bodies.
    "no type": ({"content": b"x"}, 415, "UnsupportedMediaType"),
    "another type": (raw(b"x", "text/html"), 415, "UnsupportedMediaType"),
    "a script as type": (raw(b"x", "<script>"), 415, "UnsupportedMediaType"),
    "no JSON": (raw(b"{", "application/json"), 400, "InvalidJson"),
    "no text": (raw(b"\xff\xfe{", "application/json"), 400, "InvalidJson"),
    "deep JSON": (raw(b"[" * 90_000, "application/json"), 400, "InvalidJson"),
    "large JSON": (raw(b'"' + b"a" * 150_000 + b'"', "application/json"), 413, "LimitExceeded"),
    "a list": (sent([]), 422, "InvalidRequest"),
    "no source": (sent({}), 422, "InvalidRequest"),
    "unknown member": (sent({"source": {"data": PNG}, "eval": "1"}), 422, "InvalidRequest"),
    "a path": (sent({"source": {"path": "/etc/passwd"}}), 422, "InvalidRequest"),
    "both sources": (sent({"source": {"data": PNG, "url": "http://a"}}), 422, "InvalidRequest"),
    "no base64": (sent({"source": {"data": "!!!!"}}), 422, "InvalidRequest"),
    "half a data address": (sent({"source": {"data": "data:image/png;base64"}}), 422, "InvalidRequest"),
    "options as a list": (sent({"source": {"data": PNG}, "options": []}), 422, "InvalidRequest"),
    "no boundary": (raw(b"x", "multipart/form-data"), 400, "BadRequest"),
    "a part without a name": (part(NAMELESS), 400, "BadRequest"),
    "no multipart": (raw(b"junk", "multipart/form-data; boundary=x"), 400, "BadRequest"),
    "two files": ({"files": [("file", ("a", b"x")), ("file", ("b", b"y"))]}, 400, "BadRequest"),
    "a file of another name": ({"files": {"document": ("a", b"x")}}, 422, "InvalidRequest"),
    "a thousand fields": (option(**{f"f{number}": "1" for number in range(1000)}), 400, "BadRequest"),
    "a large field": (option(task="a" * 100_000), 400, "BadRequest"),
    # Options.
    "unknown option": (option(evil="1"), 422, "OptionError"),
    "page 0": (option(pages="0"), 422, "OptionError"),
    "page 99": (option(pages="99"), 422, "PageOutOfRange"),
    "many pages": (option(pages="1-99999999999999999999"), 422, "OptionError"),
    "no page": (option(pages="'; DROP TABLE pages"), 422, "OptionError"),
    "no number": (option(dpi="NaN"), 422, "OptionError"),
    "infinite": (option(dpi="1e999"), 422, "OptionError"),
    "a slope": (option(rotate="45"), 422, "OptionError"),
    "unknown task": (option(task="rm -rf"), 422, "OptionError"),
    "half a box": (option(task='{"kind": "box", "x1": 1}'), 422, "OptionError"),
    "a box that is no number": (option(task='{"kind": "box", "x1": NaN, "y1": 1}'), 422, "OptionError"),
    "a thousand tiles": (option(task='{"kind": "tiles", "max_tiles": 1000}'), 422, "OptionError"),
    "unknown limit": (option(limits='{"max_bites": 1}'), 422, "OptionError"),
    "a limit below zero": (option(limits='{"max_pages": -1}'), 422, "OptionError"),
    "higher limits": (upload(pdf_of(*"abcd"), limits='{"max_pages": 1000000}'), 413, "LimitExceeded"),
    "endless tokens": (option(max_new_tokens="1000000000"), 422, "OptionError"),
    "options in options": (option(options='{"options": {}}'), 422, "OptionError"),
    "options as text": (option(options="[1"), 422, "OptionError"),
    "unknown extra": (option(include="password"), 422, "OptionError"),
    # Addresses.
    "loopback": (url("http://127.0.0.1:22/"), 403, "SourceForbidden"),
    "loopback by name": (url("http://localhost:5001/v1/info"), 403, "SourceForbidden"),
    "loopback in IPv6": (url("http://[::1]/"), 403, "SourceForbidden"),
    "mapped loopback": (url("http://[::ffff:127.0.0.1]/"), 403, "SourceForbidden"),
    "loopback as a number": (url("http://2130706433/"), 403, "SourceForbidden"),
    "metadata of a cloud": (url("http://169.254.169.254/latest/meta-data"), 403, "SourceForbidden"),
    "a private network": (url("http://10.0.0.1/"), 403, "SourceForbidden"),
    "a file": (url("file:///etc/passwd"), 403, "SourceForbidden"),
    "another protocol": (url("gopher://example.com/"), 403, "SourceForbidden"),
    "a password in the address": (url("http://user:secret@example.com/"), 403, "SourceForbidden"),
    "no address": (url("/etc/passwd"), 403, "SourceForbidden"),
    "half an address": (url("http://["), 422, "SourceNotFound"),
}


@pytest.mark.parametrize("what", REQUESTS)
def test_a_hostile_body_has_its_answer(client: httpx2.Client, what: str) -> None:
    request, status, code = REQUESTS[what]
    answer = client.post("/v1/read", **request)
    assert (answer.status_code, answer.json().get("code", "")) == (status, code), answer.text
    assert_no_secrets(answer)
    if status == 200:  # the page has the error
        assert answer.json()["pages"][0]["error"] or answer.json()["pages"][0]["warnings"]
    else:
        problem = answer.json()
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert problem["type"].startswith("urn:got-ocr:problem:")
        assert problem["status"] == status
        assert len(problem["detail"]) < 1000


def assert_no_secrets(answer: httpx2.Response) -> None:
    assert "Traceback" not in answer.text
    assert not re.search(r"/(tmp|home|work|usr)/|\buploads?/|:secret@", answer.text)


NAMES = ["../../etc/passwd", "..\\..\\boot.ini", "/etc/passwd", "a\nb.png", "<script>alert(1)</script>.png", "x" * 5000]


@pytest.mark.parametrize("name", [*NAMES, "", "\u202egnp.exe", "nul\0.png"], ids=range(9))
def test_names_are_only_shown(client: httpx2.Client, name: str) -> None:
    answer = client.post("/v1/read", json={"source": {"data": PNG, "name": name}})
    source = answer.json()["source"]
    assert answer.status_code == 200
    assert "/" not in source.replace("</script>", "")
    assert len(source) <= 200
    assert source.isprintable()
    assert_no_secrets(answer)


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/v1/read", {}, 405),
        ("TRACE", "/v1/read", {}, 405),
        ("GET", "/static/../../settings.py", {}, 404),
        ("GET", "/static/%2e%2e/%2e%2e/settings.py", {}, 404),
        ("GET", "/static/..%2f..%2fsettings.py", {}, 404),
        ("GET", "/static//etc/passwd", {}, 404),
        ("GET", "/%00", {}, 404),
        ("GET", "/v1/jobs/..%2f..%2f..%2fetc%2fpasswd", {}, 404),
        ("GET", "/v1/jobs/x/events", {"Last-Event-ID": "9" * 5000}, 404),
        ("POST", "/v1/jobs", {"Idempotency-Key": "k" * 5000}, 422),
        ("GET", "/v1/files/..%2f..%2fsettings.py/content", {}, 404),
        ("POST", "/v1/read", {"Origin": "https://evil.example", "Content-Type": "application/pdf"}, 403),
        ("POST", "/v1/read", {"Accept": "image/gif", "Content-Type": "application/pdf"}, 406),
        ("POST", "/v1/read", {"Accept": ";;;q=,,", "Content-Type": "application/pdf"}, 406),
    ],
)
def test_paths_methods_and_headers(
    client: httpx2.Client, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    answer = client.request(method, path, headers=headers)
    assert answer.status_code == status
    assert "detail" in answer.json() or "message" in answer.json()


RAW: dict[str, bytes] = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    "a huge header": b"GET /health HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
    "many headers": b"GET /health HTTP/1.1\r\n" + b"X: a\r\n" * 40_000 + b"\r\n",
    "two lengths": b"POST /v1/read HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a length below zero": b"POST /v1/read HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    "no chunk": b"POST /v1/read HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
}


def talk(address: str, request: bytes, then: Callable[[socket.socket], None] = lambda _: None) -> bytes:
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as opened:
        try:
            opened.sendall(request)
            then(opened)
            return opened.recv(1 << 16)
        except ConnectionError:
            return b""  # refused before all was sent


@pytest.mark.parametrize("what", RAW)
def test_what_is_no_proper_http_is_refused(address: str, what: str) -> None:
    answer = talk(address, RAW[what])
    assert answer[:12] in (b"", b"HTTP/1.1 400", b"HTTP/1.1 431")


def test_a_body_that_breaks_off_leaves_the_service_well(address: str, client: httpx2.Client) -> None:
    head = b"POST /v1/read HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    talk(
        address,
        head + b"Content-Length: 999\r\n\r\n--x\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\nabc",
        _hang_up,
    )
    assert client.get("/health").status_code == 200


def _hang_up(opened: socket.socket) -> None:
    opened.shutdown(socket.SHUT_WR)


def test_a_redirect_to_a_private_address_is_not_followed(
    client: httpx2.Client, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    class Redirect(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.2:1/secret")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    monkeypatch.setattr("got_runtime.sources.remote.is_public", lambda ip: ip == "127.0.0.1")
    with HTTPServer(("127.0.0.1", 0), Redirect) as server:
        Thread(target=server.handle_request).start()
        answer = client.post("/v1/read", json={"source": {"url": f"http://127.0.0.1:{server.server_port}/"}})
    assert (answer.status_code, answer.json()["code"]) == (403, "SourceForbidden")


def test_script_in_what_was_read_runs_nowhere(checkpoint: LoadedModel) -> None:
    attack = "<script>alert(1)</script><img src=x onerror=alert(1)> [a](javascript:alert(1))"
    app = create_app(scripted(checkpoint, attack), ServeSettings())
    with served(app) as address, httpx2.Client(base_url=address) as client:
        for task in ("plain", "format"):
            answer = client.post(
                f"/v1/read?task={task}",
                content=page_png(),
                headers={"Content-Type": "image/png", "Accept": "text/html"},
            )
            assert "<script" not in answer.text
            assert "<img" not in answer.text
            assert "sandbox" in answer.headers["Content-Security-Policy"]
        streamed = client.post(
            "/v1/read", content=page_png(), headers={"Content-Type": "image/png", "Accept": "text/event-stream"}
        )
        pages = [line for line in streamed.text.splitlines() if line.startswith('data: {"source": "upload", "sha256"')]
        assert json.loads(pages[0][6:])["text"] == attack
