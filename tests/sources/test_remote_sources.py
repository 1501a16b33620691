"""Remote addresses: what is public, redirects, limits, certificates."""

import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from helpers.source_files import only_page, png_of, same, striped

from got_runtime.errors import LimitExceeded, SourceCorrupt, SourceForbidden, SourceNotFound
from got_runtime.sources import Limits, open_pages
from got_runtime.sources.remote import fetch, is_public


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254"),
        *("100.64.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "240.0.0.1", "192.0.2.1", "198.18.0.1"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1"),
        *("2002:7f00:1::", "2002:a00:1::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1"),
        "2001:0:4136:e378:8000:63bf:80ff:fffe",  # Teredo, client 127.0.0.1
    ],
)
def test_addresses_that_are_not_on_the_public_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_addresses_on_the_public_internet(address: str) -> None:
    assert is_public(address)


class Site(BaseHTTPRequestHandler):
    """A few pages that a careless or hostile site might serve."""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path == "/page.png":
            self.answer(200, png_of(striped()))
        elif path == "/to":
            self.answer(302, b"", Location=query)
        elif path == "/large":
            self.answer(200, b"x" * 5000)
        elif path == "/endless":  # no length announced
            self.send_response(200)
            self.end_headers()
            while self.wrote(b"x" * 4096):
                pass
        elif path == "/drip":
            self.send_response(200)
            self.end_headers()
            while self.wrote(b"x"):
                time.sleep(0.02)
        elif path == "/broken-off":
            self.send_response(200)
            self.send_header("Content-Length", "5000")
            self.end_headers()
            self.wfile.write(b"x" * 100)
        else:
            self.answer(int(path[1:]), b"sorry")

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def wrote(self, data: bytes) -> bool:
        try:
            self.wfile.write(data)
        except OSError:
            return False
        return True

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture(scope="module")
def tls_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """The same site over TLS as ``site.test``, and the certificate that vouches for it."""
    folder = tmp_path_factory.mktemp("tls")
    options = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout key.pem -out cert.pem"
    names = ["-subj", "/CN=site.test", "-addext", "subjectAltName=DNS:site.test"]
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    subprocess.run(["openssl", *options.split(), *names], cwd=folder, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # visitors who hang up on us
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server.server_port, folder / "cert.pem"
        server.shutdown()


def visit(url: str, limits: Limits | None = None) -> bytes:
    """Fetch from the local site as if ``site.test`` were public and ``inside.test`` private."""
    addresses = {
        "site.test": ["127.0.0.1"],
        "alias.test": ["127.0.0.1"],
        "inside.test": ["127.0.0.2"],
        "both.test": ["127.0.0.1", "127.0.0.2"],
    }
    return fetch(
        url,
        limits or Limits(),
        resolve=lambda host, port: addresses[host],
        allowed=lambda address: address == "127.0.0.1",
    )


def test_a_remote_page_is_read_when_that_is_allowed(port: int) -> None:
    data = visit(f"http://site.test:{port}/page.png")
    assert same(only_page(data).image, striped())
    assert visit(f"http://site.test:{port}/to?/to?http://site.test:{port}/page.png") == data


def test_https_needs_a_trusted_certificate_for_the_host(
    tls_site: tuple[int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, certificate = tls_site
    with pytest.raises(SourceForbidden, match="certificate"):
        visit(f"https://site.test:{port}/page.png")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert visit(f"https://site.test:{port}/page.png") == png_of(striped())
    with pytest.raises(SourceForbidden, match="certificate"):
        visit(f"https://alias.test:{port}/page.png")
    with pytest.raises(LimitExceeded):
        visit(f"https://site.test:{port}/drip", Limits(max_remote_seconds=0.5))


def test_remote_sources_are_off_unless_allowed_and_never_private(port: int) -> None:
    url = f"http://127.0.0.1:{port}/page.png"
    with pytest.raises(SourceForbidden, match="allow_remote=True"):
        next(open_pages(url))
    with pytest.raises(SourceForbidden, match="not a public address"):
        next(open_pages(url, allow_remote=True))
    with pytest.raises(SourceForbidden, match="not a public address"):
        next(open_pages(f"http://2130706433:{port}/", allow_remote=True))  # 127.0.0.1 as a number


@pytest.mark.parametrize(
    "target",
    [
        "http://inside.test:{port}/page.png",
        "http://both.test:{port}/page.png",  # one private address among several is enough
        "//inside.test:{port}/page.png",
        "file:///etc/passwd",
        "ftp://site.test/a.png",
        "http://user:secret@site.test:{port}/page.png",
    ],
)
def test_a_redirect_is_checked_like_the_address_itself(port: int, target: str) -> None:
    with pytest.raises(SourceForbidden) as caught:
        visit(f"http://site.test:{port}/to?{target.format(port=port)}")
    assert "secret" not in str(caught.value)


def test_a_host_is_resolved_once_so_that_a_second_answer_cannot_redirect_the_connection(port: int) -> None:
    answers = iter([["127.0.0.1"], ["127.0.0.2"]])
    data = fetch(
        f"http://rebinding.test:{port}/page.png",
        Limits(),
        resolve=lambda host, port: next(answers),
        allowed=lambda address: address == "127.0.0.1",
    )
    assert data == png_of(striped())
    assert next(answers) == ["127.0.0.2"]


def test_the_number_of_redirects_is_limited(port: int) -> None:
    chain = f"http://site.test:{port}/page.png"
    for _ in range(6):
        chain = f"http://site.test:{port}/to?{chain}"
    with pytest.raises(SourceForbidden, match="more than 5 times"):
        visit(chain)


@pytest.mark.parametrize("path", ["large", "endless"])
def test_a_large_body_is_cut_off(port: int, path: str) -> None:
    with pytest.raises(LimitExceeded, match="max_remote_bytes"):
        visit(f"http://site.test:{port}/{path}", Limits(max_remote_bytes=4000))


def test_a_slow_body_is_cut_off_although_every_byte_comes_in_time(port: int) -> None:
    start = time.monotonic()
    with pytest.raises(LimitExceeded, match="max_remote_seconds"):
        visit(f"http://site.test:{port}/drip", Limits(max_remote_seconds=0.3))
    assert time.monotonic() - start < 15


def test_a_server_that_never_answers_exceeds_the_time_limit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(LimitExceeded):
        visit(f"http://site.test:{silent.getsockname()[1]}/", Limits(max_remote_seconds=0.2))


@pytest.mark.parametrize(
    ("path", "error"),
    [("404", SourceNotFound), ("500", SourceNotFound), ("403", SourceForbidden), ("broken-off", SourceCorrupt)],
)
def test_a_refusal_or_failure_of_the_server_is_named(port: int, path: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        visit(f"http://site.test:{port}/{path}")
