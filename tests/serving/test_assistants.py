"""Tools for assistants, called by a real client of the Model Context Protocol."""

import asyncio
import base64
import io
import json
import sys
from collections.abc import Iterator
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
from got_runtime.serving import ServeSettings
from got_runtime.serving.assistants.folder import Folder
from got_runtime.serving.assistants.readers import LocalReader
from got_runtime.serving.assistants.server import make_server
from got_runtime.serving.assistants.tools import Tools

TOOLS = {"read_document", "read_region", "search_document", "page_image", "save_document"}
MAIN = "from got_runtime.cli import main; raise SystemExit(main())"
ANSWER = "The pump costs 184 pounds.\nStraße closed."


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
    for cursor in ("3:7", "1:40"):
        part = called(tools, "read_document", source="three.pdf", cursor=cursor)
        page, offset = map(int, cursor.split(":"))
        start = whole["text"].index(f"[page {page}]") + offset
        assert part["text"] == whole["text"][start:]


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
        ("read_document", {"source": "three.pdf", "pages": "1", "cursor": "3:0"}, "another selection"),
        ("read_document", {"source": "three.pdf", "max_characters": 1}, "500"),
        ("read_region", {"source": "page.png", "page": 1}, "either box or color"),
        ("read_region", {"source": "page.png", "page": 1, "box": [0, 0, 2, 1]}, "fraction"),
        ("page_image", {"source": "three.pdf", "page": 4}, "4"),
        ("search_document", {"source": "three.pdf", "query": " "}, "empty"),
        ("save_document", {"source": "three.pdf", "target": "../a.md"}, "not in the folder"),
        ("save_document", {"source": "three.pdf", "target": "a.docx"}, ".md"),
        ("save_document", {"source": "page.png", "target": "page.png", "overwrite": True}, ".md"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_told(tools: Tools, tool: str, arguments: dict[str, Any], message: str) -> None:
    told = called(tools, tool, **arguments)
    assert isinstance(told, str)
    assert message in told


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
