"""The tools as a server of the Model Context Protocol: names, descriptions and schemas that assistants see."""

import logging
import threading
from collections.abc import Awaitable, Callable
from functools import partial, wraps
from typing import Annotated, ParamSpec, TypeVar

from pydantic import Field, ValidationError

from got_runtime import __version__
from got_runtime.errors import GotError, MissingExtra, SourceEncrypted
from got_runtime.serving.assistants.readers import STOP
from got_runtime.serving.assistants.tools import DocumentPart, Found, Saved, Tools

try:
    from anyio import to_thread
    from mcp.server.mcpserver import Image, MCPServer
    from mcp.server.mcpserver.exceptions import ToolError
    from mcp.types import ToolAnnotations
except ModuleNotFoundError as error:
    raise MissingExtra("mcp", str(error.name)) from error

__all__ = ["make_server"]

_INSTRUCTIONS = """\
Reads scans, photographs and PDF files of one folder with GOT-OCR2.0. Reading takes about a second a page. For a long
document search first, then read the pages that matter. Boxes are fractions of the page: [left, top, right, bottom]."""

Source = Annotated[str, Field(description="Path of a PDF or an image in the folder of this server.")]
Page = Annotated[int, Field(ge=1, description="Page number, from 1.")]
Pages = Annotated[str, Field(description='Pages such as "1-3,7"; empty for all.')]
TaskName = Annotated[
    str, Field(description='"plain" for text, "format" for headings, tables and formulas.', pattern="^(plain|format)$")
]
BoxFractions = Annotated[list[float], Field(min_length=4, max_length=4)]

_P = ParamSpec("_P")
_R = TypeVar("_R")


def make_server(tools: Tools) -> MCPServer:
    """The server, which runs on standard input and output, or as routes of the service."""
    handlers = logging.root.handlers[:]
    server = MCPServer("got-ocr", version=__version__, instructions=_INSTRUCTIONS, log_level="WARNING")
    logging.root.handlers[:] = handlers  # its constructor configures the logging of the whole process

    def read_document(
        source: Source,
        pages: Pages = "",
        task: TaskName = "plain",
        max_characters: Annotated[int, Field(description="Bound on the text of the answer.")] = 20_000,
        cursor: Annotated[str | None, Field(description="next_cursor of the last answer, to read on.")] = None,
    ) -> DocumentPart:
        """Read a document as Markdown, in parts: at most max_characters and 20 pages a call."""
        return tools.read_document(source, pages, task, max_characters, cursor)

    def read_region(
        source: Source,
        page: Page,
        box: Annotated[BoxFractions | None, Field(description="The part to read.")] = None,
        color: Annotated[str | None, Field(description="Or the colour of a drawn frame: red, green or blue.")] = None,
    ) -> DocumentPart:
        """Read the text inside a box of a page, or inside a frame of a colour."""
        return tools.read_region(source, page, box, color)

    def search_document(
        source: Source,
        query: Annotated[str, Field(description="A word or phrase; upper and lower case are the same.")],
        first_page: Page = 1,
        max_hits: Annotated[int, Field(ge=1, le=50)] = 10,
    ) -> Found:
        """Find a phrase in a document: pages, surrounding text and boxes. Searches at most 20 pages a call."""
        return tools.search_document(source, query, first_page, max_hits)

    def page_image(
        source: Source,
        page: Page,
        boxes: Annotated[list[BoxFractions] | None, Field(description="Boxes to draw.", max_length=50)] = None,
    ) -> Image:
        """A picture of a page, with boxes drawn in red: to check a text, or to look at a figure."""
        return Image(data=tools.page_image(source, page, boxes or []), format="jpeg")

    def save_document(
        source: Source,
        target: Annotated[str, Field(description="File to write in the folder; .md, .txt, .html or .json.")],
        pages: Pages = "",
        task: TaskName = "format",
        overwrite: Annotated[bool, Field(description="Whether an existing file may be replaced.")] = False,
    ) -> Saved:
        """Read a whole document into a file, however long it is, without showing its text."""
        return tools.save_document(source, target, pages, task, overwrite)

    for tool in (read_document, read_region, search_document, page_image):
        server.add_tool(_telling(tool), annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False))
    server.add_tool(_telling(save_document), annotations=ToolAnnotations(read_only_hint=False, open_world_hint=False))
    return server


def _telling(tool: Callable[_P, _R]) -> Callable[_P, Awaitable[_R]]:
    """The tool in a thread. Its errors are told to the assistant; a client that goes away ends it within a step."""

    @wraps(tool)
    async def told(*arguments: _P.args, **keywords: _P.kwargs) -> _R:
        stop = threading.Event()
        STOP.set(stop)  # the thread gets a copy of this task's context
        try:
            return await to_thread.run_sync(partial(tool, *arguments, **keywords), abandon_on_cancel=True)
        except SourceEncrypted as error:
            raise ToolError(
                "the document is encrypted, and these tools take no password: save it without one"
            ) from error
        except GotError as error:
            raise ToolError(str(error)) from error
        except OSError as error:
            raise ToolError(f"a file cannot be read or written: {error.strerror}") from error
        except ValidationError as error:
            message = error.errors(include_url=False, include_input=False)[0]["msg"]
            raise ToolError(message.removeprefix("Value error, ")) from error
        finally:
            stop.set()

    return told
