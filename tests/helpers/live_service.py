"""The service at an address of this machine, in a thread of this process."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from got_runtime import GotRuntime
from got_runtime.serving import ServeSettings, create_app
from got_runtime.serving.server import listen, make_server


@contextmanager
def service_at(runtime: GotRuntime, settings: ServeSettings | None = None) -> Iterator[str]:
    """The address of a service that listens on a free port."""
    settings = settings or ServeSettings(drain_seconds=1)
    server = make_server(create_app(runtime, settings), settings)
    listening = listen("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
