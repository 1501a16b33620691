"""Measures the service over loopback, with a page from each of many clients, against one stream of the same pages."""

import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from got_runtime.bench.document import page_images
from got_runtime.errors import EngineError

if TYPE_CHECKING:
    from got_runtime.runtime import GotRuntime

__all__ = ["ServeReport", "measure_serve"]


@dataclass(frozen=True)
class ServeReport:
    """Clients with one page each. Medians of the rounds.

    Attributes:
        model: name of the checkpoint.
        clients: connections at once, with one page each.
        budget: ``max_new_tokens`` of a page.
        rounds: measurements.
        stream_rate: pages a second of one stream of as many pages.
        served_rate: pages a second of the clients together.
        median: seconds until a client had its answer, in the middle.
        slowest: the same for the last one.
        failed: answers with another status than 200, in all rounds.
    """

    model: str
    clients: int
    budget: int
    rounds: int
    stream_rate: float
    served_rate: float
    median: float
    slowest: float
    failed: int

    def lines(self) -> list[str]:
        """The report as text."""
        ratio = self.served_rate / self.stream_rate
        return [
            f"{self.model}: pages of up to {self.budget} tokens, {self.rounds} rounds",
            f"one stream of {self.clients} pages: {self.stream_rate:.2f} pages/s; {self.clients} clients with one page "
            f"each: {self.served_rate:.2f} pages/s, {ratio:.2f} ×; {self.failed} failed",
            f"an answer takes {self.median:.2f} s (median), the slowest {self.slowest:.2f} s, "
            f"{self.slowest / self.median:.2f} ×",
        ]


def measure_serve(
    runtime: "GotRuntime",
    clients: int,
    budget: int,
    rounds: int,
    on_progress: Callable[[str], None] = lambda _: None,
) -> ServeReport:
    """Read the same files as one stream, and for as many clients, in turns.

    Args:
        runtime: reads both.
        clients: pages, and connections at once.
        budget: ``max_new_tokens`` of a page.
        rounds: measurements.
        on_progress: called with progress messages.

    Raises:
        EngineError: the server did not start.
        MissingExtra: FastAPI is not installed.
    """
    from got_runtime.serving import ServeSettings, create_app
    from got_runtime.serving.server import listen, make_server

    settings = ServeSettings()
    server = make_server(create_app(runtime, settings), settings)
    stream_rates, served_rates, medians, slowest, failed = list[float](), list[float](), list[float](), list[float](), 0
    with tempfile.TemporaryDirectory() as folder, listen("127.0.0.1", 0) as opened:
        files = _write_pages(Path(folder), clients)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]})
        thread.start()
        try:
            _wait_for(server, thread)
            list(runtime.stream(files[:1], max_new_tokens=8))
            for turn in range(rounds):
                on_progress(f"round {turn + 1} of {rounds}")
                started = time.perf_counter()
                list(runtime.stream(list(files), max_new_tokens=budget, on_error="raise"))
                stream_rates.append(clients / (time.perf_counter() - started))
                answers = _run_clients(opened.getsockname()[1], f"/v1/read?max_new_tokens={budget}", folder)
                served_rates.append(clients / answers["seconds"])
                medians.append(statistics.median(answers["each"]))
                slowest.append(max(answers["each"]))
                failed += sum(status != 200 for status in answers["statuses"])
        finally:
            server.should_exit = True
            thread.join()
    return ServeReport(
        runtime.model_info.name,
        clients,
        budget,
        rounds,
        statistics.median(stream_rates),
        statistics.median(served_rates),
        statistics.median(medians),
        statistics.median(slowest),
        failed,
    )


def _write_pages(folder: Path, pages: int) -> list[Path]:
    files = []
    for number, image in enumerate(page_images(pages)):
        files.append(folder / f"{number:05}.png")
        image.save(files[-1])
    return files


def _wait_for(server: object, thread: threading.Thread) -> None:
    while not getattr(server, "started", False):
        if not thread.is_alive():
            raise EngineError("the server did not start: run got-ocr serve -v to see why")
        time.sleep(0.01)


def _run_clients(port: int, path: str, folder: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "got_runtime.bench.serve_clients", "127.0.0.1", str(port), path, folder]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers
