"""got-ocr serve: which addresses, keys and settings it accepts before the model is loaded."""

import socket
from pathlib import Path

import pytest

from got_runtime.cli import build_parser, main
from got_runtime.cli.serve import settings_from
from got_runtime.serving import ServeSettings


@pytest.fixture(autouse=True)
def no_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("the model is loaded")

    monkeypatch.setattr("got_runtime.cli.serve.load_runtime", fail)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("GOT_OCR_API_KEYS", raising=False)


def settings(*arguments: str) -> ServeSettings:
    return settings_from(build_parser().parse_args(["serve", *arguments]))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_a_public_address_needs_a_key(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--host", host]) == 2
    assert "GOT_OCR_API_KEYS" in capsys.readouterr().err


def test_a_port_that_cannot_be_used_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--port", "70000"]) == 2
    assert "0 to 65535" in capsys.readouterr().err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["serve", "--port", str(taken.getsockname()[1])]) == 2
    assert "choose another port" in capsys.readouterr().err


def test_keys_come_from_the_environment_and_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOT_OCR_API_KEYS", "a, b")
    file = tmp_path / "keys"
    file.write_text("c\n\n")
    assert [key.get_secret_value() for key in settings("--key-file", str(file)).keys] == ["a", "b", "c"]
    assert "a" not in str(settings().keys)


def test_an_empty_key_file_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "keys").write_text("\n")
    for file in ("keys", "missing"):
        assert main(["serve", "--key-file", str(tmp_path / file)]) == 2
    assert "holds no key" in capsys.readouterr().err


def test_limits_are_settings(tmp_path: Path) -> None:
    chosen = settings(
        "--max-pages", "7", "--max-mb", "2", "--max-seconds", "5", "--batch-size", "3", "--keep-hours", "1"
    )
    assert (chosen.limits.max_pages, chosen.limits.max_bytes, chosen.limits.max_seconds_per_page) == (7, 2_000_000, 5)
    assert (chosen.readers, chosen.keep_seconds, chosen.state) == (6, 3600, tmp_path / "got-ocr" / "serve")
