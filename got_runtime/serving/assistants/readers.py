"""Where assistants' documents are read: by a runtime in this process, or by a service elsewhere."""

import json
import threading
from collections.abc import Callable, Generator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

from got_runtime import errors
from got_runtime.errors import EngineError, GotError, MissingExtra
from got_runtime.options import ReadOptions
from got_runtime.results import ModelInfo, PageResult
from got_runtime.serving.assistants.folder import FolderFile
from got_runtime.sources.names import one_line

if TYPE_CHECKING:
    from got_runtime.runtime import GotRuntime

__all__ = ["STOP", "LocalReader", "Reader", "RemoteReader"]

STOP: ContextVar[threading.Event | None] = ContextVar("stop", default=None)
"""Set once the client of the call that is being answered has gone away or cancelled it."""


class Reader(Protocol):
    """Reads the pages of a file."""

    def pages(self, document: FolderFile, options: ReadOptions) -> Generator[PageResult, None, None]:
        """The selected pages in order, each when it is complete. Closing the generator ends the reading; so does STOP.

        Raises:
            GotError: the document cannot be opened.
        """
        ...

    def model(self) -> ModelInfo:
        """What reads. Raises EngineError."""
        ...


class LocalReader:
    """Reads with a runtime, which is loaded when the first page is asked for.

    Args:
        load: returns the runtime.
    """

    def __init__(self, load: "Callable[[], GotRuntime]") -> None:
        self._load = load
        self._lock = threading.Lock()
        self._runtime: GotRuntime | None = None

    def pages(self, document: FolderFile, options: ReadOptions) -> Generator[PageResult, None, None]:
        return self._loaded().stream(document, options, stop=STOP.get())

    def model(self) -> ModelInfo:
        return self._loaded().model_info

    def _loaded(self) -> "GotRuntime":
        with self._lock:
            self._runtime = self._runtime or self._load()
            return self._runtime

    def close(self) -> None:
        """Close the runtime, if it was loaded."""
        if self._runtime is not None:
            self._runtime.close()


class RemoteReader:
    """Reads with ``got-ocr serve`` at an address.

    Args:
        address: such as ``http://127.0.0.1:5001``.
        key: of the service.
    """

    def __init__(self, address: str, key: str = "") -> None:
        try:
            import httpx
        except ModuleNotFoundError as error:
            raise MissingExtra("mcp", str(error.name)) from error
        self._httpx = httpx
        self._address = address.rstrip("/")
        self._headers = {"Accept": "application/x-ndjson", **({"X-Api-Key": key} if key else {})}

    def pages(self, document: FolderFile, options: ReadOptions) -> Generator[PageResult, None, None]:
        given = options.model_dump(mode="json", exclude_defaults=True)
        httpx = self._httpx
        try:
            with (
                document.file.open("rb") as file,
                # Pages may take minutes each; the service sends the first one when it is complete.
                httpx.Client(timeout=httpx.Timeout(None, connect=10)) as client,
                client.stream(
                    "POST",
                    f"{self._address}/v1/read",
                    headers=self._headers,
                    files={"file": (document.file.name, file)},
                    data={"options": json.dumps(given)},
                ) as answer,
            ):
                if answer.status_code != httpx.codes.OK:
                    answer.read()
                    raise _error(_problem(answer.text, answer.status_code))
                for line in answer.iter_lines():
                    if (stop := STOP.get()) is not None and stop.is_set():
                        return
                    record = json.loads(line)
                    if "problem" in record:
                        raise _error(record["problem"])
                    yield PageResult.model_validate(record)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise self._failed(error) from error

    def model(self) -> ModelInfo:
        httpx = self._httpx
        try:
            answer = httpx.get(f"{self._address}/v1/info", headers={**self._headers, "Accept": "application/json"})
            return ModelInfo.model_validate(answer.json()["model"])
        except (httpx.HTTPError, httpx.InvalidURL, KeyError, ValueError) as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> EngineError:
        return EngineError(f"the service at {self._address} failed: {one_line(str(error))}; is it running?")


def _problem(text: str, status: int) -> dict[str, object]:
    try:
        problem = json.loads(text)
    except ValueError:
        problem = None
    return problem if isinstance(problem, dict) else {"detail": f"the service answered with status {status}"}


def _error(problem: dict[str, object]) -> GotError:
    """The problem as the error that the runtime would have raised."""
    kind = getattr(errors, str(problem.get("code")), None)
    detail = str(problem.get("detail") or problem.get("title"))
    if isinstance(kind, type) and issubclass(kind, GotError) and kind is not MissingExtra:
        return kind(detail)
    return EngineError(detail)
