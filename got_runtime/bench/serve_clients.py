"""Clients of the service, in a process of their own: HOST PORT PATH FOLDER are the arguments of the module.

Each file of the folder is posted by a thread of its own, all at once. The output is JSON: the statuses, and the seconds
of each answer. It imports nothing heavy, since the process shares the cores with the server.
"""

import http.client
import json
import sys
import threading
import time
from pathlib import Path

__all__ = ["main", "post"]

TIMEOUT_S = 3600.0


def post(host: str, port: int, path: str, body: bytes) -> tuple[int, float]:
    """Status, and seconds from the connection to the last byte."""
    started = time.perf_counter()
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        connection.request("POST", path, body, {"Content-Type": "image/png"})
        answer = connection.getresponse()
        answer.read()
        return answer.status, time.perf_counter() - started
    finally:
        connection.close()


def main(host: str, port: str, path: str, folder: str) -> None:
    """Post all files of a folder at once, and print what came of it."""
    bodies = [file.read_bytes() for file in sorted(Path(folder).iterdir())]
    answers: list[tuple[int, float]] = []
    threads = [
        threading.Thread(target=lambda body=body: answers.append(post(host, int(port), path, body))) for body in bodies
    ]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - started
    print(
        json.dumps({"seconds": took, "statuses": [each[0] for each in answers], "each": [each[1] for each in answers]})
    )


if __name__ == "__main__":
    main(*sys.argv[1:5])
