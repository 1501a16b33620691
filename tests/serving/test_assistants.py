"""Tools for assistants, called by a real client of the Model Context Protocol."""

import asyncio
import base64
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp", reason="the tools need the extra mcp")

from helpers.live_service import service_at
from helpers.scripted_pages import scripted
from helpers.service_clients import page_png
from helpers.source_files import pdf_of
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from PIL import Image

from got_runtime.model.checkpoint import LoadedModel
from got_runtime.options import ReadOptions
from got_runtime.results import ModelInfo, PageResult
from got_runtime.serving import ServeSettings
from got_runtime.serving.assistants.folder import Folder, FolderFile
from got_runtime.serving.assistants.readers import STOP, LocalReader
from got_runtime.serving.assistants.server import make_server
from got_runtime.serving.assistants.tools import Tools

TOOLS = {"read_document", "read_region", "search_document", "page_image", "save_document"}
MAIN = "from got_runtime.cli import main; raise SystemExit(main())"
ANSWER = "The pump costs 184 pounds.\nStraße closed."
LONG = "\n".join(f"Pump {number} costs {number * number + 7} pounds." for number in range(25))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "three.pdf").write_bytes(pdf_of("one", "two", "three"))
    (folder / "page.png").write_bytes(page_png())
    (tmp_path / "secret.png").write_bytes(page_png())
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    return folder


@pytest.fixture
def tools(root: Path, checkpoint: LoadedModel) -> Iterator[Tools]:
    runtime = scripted(checkpoint, ANSWER)
    yield Tools(Folder(root), LocalReader(lambda: runtime))
    runtime.close()


def called(tools: Tools, name: str, **arguments: Any) -> Any:
    """The result of a tool as a client gets it: its content, or its message where it failed."""

    async def call() -> Any:
        async with Client(make_server(tools)) as client:
            result = await client.call_tool(name, arguments)
        if result.is_error:
            return result.content[0].text  # type: ignore[union-attr]
        return result.structured_content or result.content

    return asyncio.run(call())


def test_a_long_document_is_read_in_parts_that_join_to_the_whole(tools: Tools) -> None:
    whole = called(tools, "read_document", source="three.pdf")
    assert whole["pages"] == [1, 2, 3]
    assert whole["next_cursor"] is None
    assert whole["text"].count("184 pounds") == 3
    tools_small, parts, cursor = tools, [], None
    for _ in range(1000):
        part = tools_small.read_document("three.pdf", "", "plain", 500, cursor)
        parts.append(part.text)
        assert len(part.text) <= 500
        cursor = part.next_cursor
        if cursor is None:
            break
    assert "".join(parts) == whole["text"]


def test_a_phrase_is_found_whatever_its_case_and_line(tools: Tools) -> None:
    found = called(tools, "search_document", source="three.pdf", query="POUNDS. straße", max_hits=2)
    assert [hit["page"] for hit in found["hits"]] == [1, 2]
    assert found["next_page"] == 3
    assert "184 pounds. Straße" in found["hits"][0]["text"]
    found = called(tools, "search_document", source="three.pdf", query="absent", first_page=2)
    assert (found["hits"], found["searched_pages"], found["next_page"]) == ([], [2, 3], None)


def test_parts_and_pictures_of_a_page(tools: Tools) -> None:
    assert called(tools, "read_region", source="page.png", page=1, box=[0, 0, 1, 0.5])["text"] == ANSWER
    assert called(tools, "read_region", source="page.png", page=1, color="red")["text"] == ANSWER
    [content] = called(tools, "page_image", source="three.pdf", page=2, boxes=[[0.25, 0.25, 0.75, 0.75]])
    picture = Image.open(io.BytesIO(base64.b64decode(content.data)))
    assert max(picture.size) <= 1024
    red, green, _ = picture.convert("RGB").getpixel((picture.width // 4, picture.height // 2))  # type: ignore[misc]
    assert red - green > 60


def test_a_document_is_saved_and_nothing_is_replaced_unasked(tools: Tools, root: Path) -> None:
    saved = called(tools, "save_document", source="three.pdf", target="out/three.md")
    file = root / "out" / "three.md"
    assert saved == {"path": "out/three.md", "pages": 3, "failed_pages": [], "bytes": file.stat().st_size}
    assert file.read_text().count("184 pounds") == 3
    assert "exists" in called(tools, "save_document", source="three.pdf", target="out/three.md")
    called(tools, "save_document", source="three.pdf", target="three.json", task="plain")
    assert json.loads((root / "three.json").read_text())["model"]["name"]
    assert sorted(each.name for each in (root / "out").iterdir()) == ["three.md"]


@pytest.mark.parametrize(
    ("tool", "arguments", "message"),
    [
        ("read_document", {"source": "../secret.png"}, "not in the folder"),
        ("read_document", {"source": "link.png"}, "not in the folder"),
        ("read_document", {"source": "/etc/passwd"}, "not in the folder"),
        ("read_document", {"source": "a\0b"}, "no path"),
        ("read_document", {"source": "https://example.org/a.pdf"}, "address"),
        ("read_document", {"source": "none.pdf"}, "there are: page.png, three.pdf"),
        ("read_document", {"source": "three.pdf", "pages": "9"}, "9"),
        ("read_document", {"source": "three.pdf", "cursor": "x"}, "next_cursor"),
        ("read_document", {"source": "three.pdf", "max_characters": 1}, "500"),
        ("read_region", {"source": "page.png", "page": 1}, "either box or color"),
        ("read_region", {"source": "page.png", "page": 1, "color": "pink"}, "'red', 'green' or 'blue'"),
        ("read_region", {"source": "page.png", "page": 1, "box": [0, 0, 2, 1]}, "fraction"),
        ("page_image", {"source": "three.pdf", "page": 4}, "4"),
        ("search_document", {"source": "three.pdf", "query": " "}, "empty"),
        ("save_document", {"source": "three.pdf", "target": "../a.md"}, "not in the folder"),
        ("save_document", {"source": "three.pdf", "target": "a.docx"}, ".md"),
        ("save_document", {"source": "three.pdf", "target": ".notes.md"}, "hidden"),
        ("save_document", {"source": "three.pdf", "target": "a/../.ssh/b.md"}, "hidden"),
        ("save_document", {"source": "three.pdf", "target": "page.png/b.md"}, "file"),
        ("save_document", {"source": "three.pdf", "target": "a" * 300 + ".md"}, "long"),
        ("save_document", {"source": "page.png", "target": "page.png", "overwrite": True}, ".md"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_told(tools: Tools, tool: str, arguments: dict[str, Any], message: str) -> None:
    told = called(tools, tool, **arguments)
    assert isinstance(told, str)
    assert message in told


def test_a_cursor_reads_on_in_the_same_text_only(root: Path, checkpoint: LoadedModel) -> None:
    with scripted(checkpoint, LONG) as runtime:
        tools = Tools(Folder(root), LocalReader(lambda: runtime))
        cursor = called(tools, "read_document", source="three.pdf", max_characters=500)["next_cursor"]
        whole = called(tools, "read_document", source="three.pdf")
        for page, offset in ((3, 7), (1, 40)):
            given = f"{page}:{offset}:{cursor.rpartition(':')[2]}"
            part = called(tools, "read_document", source="three.pdf", cursor=given)
            assert part["text"] == whole["text"][whole["text"].index(f"[page {page}]") + offset :]
        assert "another selection" in called(tools, "read_document", source="three.pdf", pages="2", cursor=cursor)
        assert "changed" in called(tools, "read_document", source="three.pdf", task="format", cursor=cursor)
        os.utime(root / "three.pdf", ns=(1, 1))
        assert "changed" in called(tools, "read_document", source="three.pdf", cursor=cursor)


def test_hits_that_are_left_out_are_counted(root: Path, checkpoint: LoadedModel) -> None:
    with scripted(checkpoint, LONG) as runtime:
        tools = Tools(Folder(root), LocalReader(lambda: runtime))
        found = called(tools, "search_document", source="three.pdf", query="pump", max_hits=4)
    assert (len(found["hits"]), found["left_out"], found["next_page"]) == (4, 21, 2)


def test_answers_and_files_hold_no_path_of_the_server(tools: Tools, root: Path) -> None:
    (root / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    assert str(root) not in called(tools, "read_document", source="broken.pdf")
    called(tools, "save_document", source=str(root / "three.pdf"), target="d\u00e9p\u00f4t/three.json", task="plain")
    saved = (root / "d\u00e9p\u00f4t" / "three.json").read_text()
    assert json.loads(saved)["pages"][0]["source"] == "three.pdf"
    assert str(root) not in saved


class _Endless:
    """A reader that reads until it is stopped."""

    def __init__(self) -> None:
        self.begun, self.ended = threading.Event(), threading.Event()

    def pages(self, document: FolderFile, options: ReadOptions) -> Generator[PageResult, None, None]:
        stop = STOP.get()
        assert stop is not None
        self.begun.set()
        if stop.wait(10):
            self.ended.set()
        yield from ()

    def model(self) -> ModelInfo:
        raise AssertionError


def test_a_client_that_goes_away_ends_the_reading_and_nothing_is_saved(root: Path) -> None:
    reader = _Endless()

    async def leave() -> None:
        async with Client(make_server(Tools(Folder(root), reader))) as client:
            arguments = {"source": "three.pdf", "target": "part.md"}
            call = asyncio.ensure_future(client.call_tool("save_document", arguments))
            assert await asyncio.to_thread(reader.begun.wait, 10)
            call.cancel()

    asyncio.run(leave())
    assert reader.ended.wait(10)
    assert sorted(each.name for each in root.iterdir()) == ["link.png", "page.png", "three.pdf"]


def test_the_command_reads_with_a_service_elsewhere_and_at_its_address(checkpoint: LoadedModel, root: Path) -> None:
    """``got-ocr mcp --server`` in a process of its own, then the same tools at ``/mcp`` of the service."""
    runtime = scripted(checkpoint, ANSWER)

    async def both(address: str) -> list[str]:
        command = ["-c", MAIN, "mcp", "--root", str(root), "--server", address]
        texts = []
        for transport in (stdio_client(StdioServerParameters(command=sys.executable, args=command)), f"{address}/mcp"):
            async with Client(transport) as client:
                assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
                result = await client.call_tool("read_document", {"source": "three.pdf"})
                texts.append(result.structured_content["text"])
        return texts

    with service_at(runtime, ServeSettings(mcp_root=root, drain_seconds=1)) as address:
        one, other = asyncio.run(both(address))
    assert one == other
    assert one.count("184 pounds") == 3


def test_a_request_with_an_unpaired_surrogate_gets_a_reply(root: Path) -> None:
    (root / "loop.pdf").symlink_to("loop.pdf")
    client = {"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    calls = [
        {"name": "read_document", "arguments": {"source": name}} for name in ("\udcff.pdf", "\\udcff \U0001f600.pdf")
    ]
    requests: list[dict[str, Any]] = [
        {"id": 1, "method": "initialize", "params": client},
        {"method": "notifications/initialized"},
        *({"id": number, "method": "tools/call", "params": call} for number, call in enumerate(calls, 2)),
    ]
    lines = "".join(json.dumps({"jsonrpc": "2.0", **request}) + "\n" for request in requests)
    command = [sys.executable, "-c", MAIN, "mcp", "--root", str(root), "--server", "http://127.0.0.1:9"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(lines.encode())
        process.stdin.flush()
        replies = {reply["id"]: reply for reply in (json.loads(process.stdout.readline()) for _ in range(3))}
        process.stdin.close()
        assert process.wait(20) == 0
    texts = [replies[number]["result"]["content"][0]["text"] for number in (2, 3)]
    assert "there is no file \ufffd.pdf; there are: page.png, three.pdf" in texts[0]
    assert "there is no file \\udcff \U0001f600.pdf" in texts[1]
