"""A process that reads is interrupted, killed, or loses its consumer."""

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

from helpers.deadlines import DEADLINE_S

SCRIPT = """
    import multiprocessing, signal, sys
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the test runner may ignore it
    from got_runtime import GotRuntime
    if __name__ == "__main__":
        runtime = GotRuntime.from_pretrained(dtype="float32", devices=sys.argv[2:])
        print(*[process.pid for process in multiprocessing.active_children()], flush=True)
        print_text = lambda page, text: print(text, flush=True)
        for page in runtime.stream([sys.argv[1]] * 200, max_new_tokens=400, zoom="off", on_token=print_text):
            print(page.text, flush=True)
"""


def start_reading(page: Path, *devices: str) -> subprocess.Popen[str]:
    """A process that reads pages."""
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(page), *devices]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_ctrl_c_ends_the_process(pages: Path) -> None:
    with start_reading(pages / "letter.png") as process:
        assert process.stdout is not None
        for _ in range(2):
            process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=DEADLINE_S)
        assert process.returncode != 0
        assert "KeyboardInterrupt" in errors


def test_a_killed_process_leaves_no_worker_process(pages: Path) -> None:
    with start_reading(pages / "letter.png", "cpu") as process:
        assert process.stdout is not None
        [worker] = map(int, process.stdout.readline().split())
        process.stdout.readline()
        process.kill()
        process.wait(DEADLINE_S)
        deadline = time.monotonic() + DEADLINE_S
        while Path(f"/proc/{worker}/stat").exists() and time.monotonic() < deadline:
            if Path(f"/proc/{worker}/stat").read_text().split()[2] == "Z":
                break  # a zombie: this container has no init process that reaps it
            time.sleep(0.05)
        assert time.monotonic() < deadline, "the worker process still runs"


def test_a_closed_pipe_ends_the_process(pages: Path) -> None:
    with start_reading(pages / "letter.png") as process:
        assert process.stdout is not None
        for _ in range(2):
            process.stdout.readline()
        process.stdout.close()
        assert process.wait(DEADLINE_S) != 0
