"""What a child process runs: it opens files, keeps them open, and answers requests until its parent closes the pipe.

A request is a line of JSON, with the bytes of a file in memory after it. The answer is a line of JSON, with the pixels
in the shared memory, or after the line where there is none.
"""

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from got_runtime.errors import GotError, LimitExceeded, SourceCorrupt
from got_runtime.sources.answers import Answer, OpenedFile, Pixels
from got_runtime.sources.content import Content
from got_runtime.sources.isolation.guards import Guards, private_bytes
from got_runtime.sources.isolation.messages import CapturedOutput, as_warnings
from got_runtime.sources.isolation.pixels import SharedPixels
from got_runtime.sources.names import one_line
from got_runtime.sources.opened import open_file, prepare

__all__ = ["serve"]

MAX_PRIVATE_BYTES = 512 << 20
"""Memory above which a child ends after its answer, so that a long run does not keep what one page took."""
DONE = b"{}\n"
"""Answer to a request to import a library, and to the start."""


def serve(descriptors: list[int], kind: Any) -> None:
    """Answer requests until the end of standard input.

    Args:
        descriptors: of the shared memories; without any, pixels are sent through the pipe.
        kind: of file whose library is imported before the first request.
    """
    answers = os.fdopen(os.dup(1), "wb")
    output = CapturedOutput()
    guards = Guards()
    shared = [SharedPixels(descriptor) for descriptor in descriptors]
    Image.MAX_IMAGE_PIXELS = None  # Limits.max_pixels replaces it
    prepare(kind)
    answers.write(DONE)
    answers.flush()
    _Child(sys.stdin.buffer, answers, output, guards, shared).run()
    os._exit(0)  # at once: the libraries take a third of a second to clean up


class _Child:
    def __init__(
        self,
        requests: BinaryIO,
        answers: BinaryIO,
        output: CapturedOutput,
        guards: Guards,
        shared: list[SharedPixels],
    ) -> None:
        self._requests, self._answers = requests, answers
        self._output, self._guards, self._shared = output, guards, shared
        self._files: dict[int, OpenedFile] = {}
        self._slot = 0  # of the shared memory for the request that is answered

    def run(self) -> None:
        for line in self._requests:
            request = json.loads(line)
            opening = request.get("open")
            memory = self._requests.read(opening["bytes"]) if opening and opening["path"] is None else None
            if request["method"] is None:
                self._close(request["close"])  # which nobody waits for
                if request["kind"] is not None:
                    prepare(request["kind"])
                    self._answers.write(DONE)
                    self._answers.flush()
                continue
            with self._guards.active(request["seconds"], request["wall_seconds"], request["max_bytes"]):
                answer = self._answer(request, memory)
            retire = private_bytes() > MAX_PRIVATE_BYTES
            if retire:
                answer["retire"] = True
            pixels = answer.pop("data", None)
            self._answers.write(json.dumps(answer).encode() + b"\n")
            if pixels is not None:
                self._answers.write(pixels)
            self._answers.flush()
            if retire:
                return

    def _answer(self, request: dict[str, Any], memory: bytes | None) -> dict[str, Any]:
        with self._output.lines() as printed:
            answer = self._called(request, memory)
        if printed:
            library = "libtiff" if request["kind"] == "TIFF" else "MuPDF" if request["kind"] == "PDF" else "Pillow"
            answer["messages"] = as_warnings(printed, library)
        return answer

    def _called(self, request: dict[str, Any], memory: bytes | None) -> dict[str, Any]:
        key, self._slot = request["file"], request["slot"]
        try:
            self._close(request["close"])
            if request["open"]:
                self._files[key] = self._opened(request, memory)
            answer: Answer = getattr(self._files[key], request["method"])(**request["arguments"])
            return {"value": answer.value, **self._pixels(answer)}
        except GotError as error:
            failure: GotError = error
        except MemoryError:
            failure = LimitExceeded(
                f"{request['what']} takes more memory than may be used: raise Limits(max_render_bytes=…), "
                "--max-render-bytes"
            )
        except Exception as error:  # noqa: BLE001 - whatever a library raises, the next page is read
            why = f"{type(error).__name__}: {one_line(str(error))}"
            failure = SourceCorrupt(f"{request['what']} cannot be read ({why}): save or download it again")
        return {"error": [type(failure).__name__, str(failure)], "is_open": key in self._files}

    def _close(self, keys: list[int]) -> None:
        for key in keys:
            with suppress(Exception):  # the file is gone either way
                self._files.pop(key).close()

    def _opened(self, request: dict[str, Any], memory: bytes | None) -> OpenedFile:
        opening = request["open"]
        path = None if opening["path"] is None else Path(opening["path"])
        content = Content(opening["name"], path, memory)
        return open_file(content, request["kind"], opening["arguments"], self._memory if self._shared else None)

    def _memory(self, size: int) -> Any:
        """Shared memory in which a picture may be made, so that its pixels need not be copied there."""
        return self._shared[self._slot].room(size)

    def _pixels(self, answer: Answer) -> dict[str, Any]:
        """Where the pixels are, and the pixels themselves if there is no shared memory."""
        picture = answer.picture
        if picture is None:
            return {}
        pixels = Pixels.described(picture) if isinstance(picture, Image.Image) else picture
        described = {"pixels": [pixels.mode, pixels.width, pixels.height], "slot": self._slot}
        if not self._shared:
            data = Pixels.of(picture).data if isinstance(picture, Image.Image) else pixels.data
            return {**described, "data": bytes(data)}
        if isinstance(picture, Image.Image):
            self._shared[self._slot].write_image(picture, pixels)
        else:
            self._shared[self._slot].write(pixels.data)
        return described
