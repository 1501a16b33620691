"""Runs the application with uvicorn until a signal ends it."""

import ipaddress
import logging
import socket
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn

from got_runtime.errors import OptionError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from got_runtime.serving.settings import ServeSettings

__all__ = ["Server", "is_loopback", "listen", "make_server"]

MAX_HEADER_BYTES = 1 << 16
MAX_CONNECTIONS = 2_000
"""Connections beyond it are answered with 503."""

logger = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """The first signal lets requests finish, for ``drain_seconds`` at most; the second one ends at once.

    Args:
        config: of uvicorn.
        drain: called at the first signal.
    """

    def __init__(self, config: uvicorn.Config, drain: Callable[[], None]) -> None:
        super().__init__(config)
        self._drain = drain

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """uvicorn's method would raise the signal again at the end, and the exit status would be that of a failure."""
        self.force_exit = self.should_exit
        self.should_exit = True
        self._drain()


def make_server(app: "FastAPI", settings: "ServeSettings") -> Server:
    """A server of the application, which is run with the socket of :func:`listen`."""
    return Server(
        uvicorn.Config(
            app,
            # Its parser bounds the size of headers, which httptools does not.
            http="h11",
            h11_max_incomplete_event_size=MAX_HEADER_BYTES,
            ws="none",
            loop="asyncio",
            lifespan="on",
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=max(1, round(settings.drain_seconds)),
            log_config=None,
            access_log=logger.isEnabledFor(logging.INFO),
            server_header=False,
        ),
        lambda: app.state.service.drain(),
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server on ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OptionError if the address cannot be used."""
    if not 0 <= port < 1 << 16:
        raise OptionError(f"--port {port}: give 0 to 65535; 0 is a free one")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=MAX_CONNECTIONS)
    except OSError as error:
        raise OptionError(f"--host {host} --port {port}: {error.args[-1]}; choose another port or address") from error
