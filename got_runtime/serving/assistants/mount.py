"""The tools for assistants as a route of the service: ``/mcp``."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fastapi import FastAPI

from got_runtime.serving.assistants.folder import Folder
from got_runtime.serving.assistants.readers import LocalReader
from got_runtime.serving.assistants.tools import Tools

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

    from got_runtime.runtime import GotRuntime

__all__ = ["mount_tools"]


class _Mounted(NamedTuple):
    server: "MCPServer"

    def running(self) -> AbstractAsyncContextManager[None]:
        """The sessions of its clients, while the application runs."""
        return self.server.session_manager.run()


def mount_tools(app: FastAPI, runtime: "GotRuntime", root: Path) -> _Mounted:
    """Add the route. Keys, origins and the size of bodies are checked by the application.

    Raises:
        OptionError: ``root`` is no folder.
        MissingExtra: the package ``mcp`` is not installed.
    """
    from got_runtime.serving.assistants.server import make_server

    server = make_server(Tools(Folder(root), LocalReader(lambda: runtime)))
    from mcp.server.transport_security import TransportSecuritySettings

    # The gate of the service checks the origin already, and knows by which names the service is reached.
    security = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    routes = server.streamable_http_app(streamable_http_path="/mcp", stateless_http=True, transport_security=security)
    app.router.routes.extend(routes.routes)
    return _Mounted(server)
