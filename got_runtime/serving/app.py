"""The application: routes, errors in the shape of each dialect, and the page at ``/``."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.staticfiles import StaticFiles

from got_runtime import __version__
from got_runtime.errors import GotError
from got_runtime.serving import job_routes, native, openapi, pictures
from got_runtime.serving.assistants.mount import mount_tools
from got_runtime.serving.dialects import docling, liteparse, mistral, mistral_files, open_webui, openai
from got_runtime.serving.gate import Gate, Respond, on_path
from got_runtime.serving.problems import Problem, as_problem, http_problem, on_disconnect
from got_runtime.serving.service import Service
from got_runtime.serving.settings import ServeSettings
from got_runtime.sources.names import one_line

if TYPE_CHECKING:
    from got_runtime.runtime import GotRuntime

__all__ = ["create_app"]

STATIC = Path(__file__).parent / "static"
"""The page at ``/`` is ``index.html`` here; its files are at ``/static/``."""
DIALECTS = (openai, mistral, docling, open_webui, liteparse)
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def create_app(runtime: "GotRuntime", settings: ServeSettings | None = None) -> FastAPI:
    """The service as an ASGI application, for one process: its state is in memory and in one folder.

    Args:
        runtime: reads the pages. The caller closes it after the application has ended.
        settings: bounds and switches.

    Raises:
        MissingExtra: FastAPI is not installed.
    """
    settings = settings or ServeSettings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service = app.state.service = Service(runtime, settings)
        await service.start()
        try:
            async with tools.running() if tools else nullcontext():
                yield
        finally:
            await service.stop()

    app = FastAPI(
        title="got-ocr",
        version=__version__,
        description="Reads pages with GOT-OCR2.0.",
        lifespan=lifespan,
        docs_url=None,  # both load scripts from other hosts
        redoc_url=None,
    )
    respond = on_path(_SHAPES)
    tools = mount_tools(app, runtime, settings.mcp_root) if settings.mcp_root else None
    for module in (native, pictures, job_routes, mistral_files, *DIALECTS):
        app.include_router(module.router)
    _add_page(app)
    _add_handlers(app, respond)
    openapi.install(app)

    def record(method: str, route: str, status: int, seconds: float) -> None:
        app.state.service.metrics.request(method, route, status, seconds)

    def is_draining() -> bool:
        return bool(app.state.service.queue.draining)

    app.add_middleware(Gate, settings=settings, respond=respond, record=record, is_draining=is_draining)
    return app


_SHAPES: dict[str, Callable[[Problem], Response]] = {path: each.error for each in DIALECTS for path in each.PATHS}
"""Paths of dialects and what makes their errors; all other paths answer with problem documents."""


def _add_handlers(app: FastAPI, respond: Respond) -> None:
    async def on_error(request: Request, error: Exception) -> Response:
        return respond(request.url.path, as_problem(error))

    async def on_http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        headers = dict(error.headers) if error.headers else None
        return respond(request.url.path, http_problem(error.status_code, str(error.detail), headers))

    async def on_invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        detail = one_line(f"{first['loc'][-1]}: {first['msg']}")
        return respond(request.url.path, Problem(422, "InvalidRequest", detail))

    app.add_exception_handler(RequestValidationError, on_invalid)
    for kind in (Problem, GotError):
        app.add_exception_handler(kind, on_error)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(ClientDisconnect, on_disconnect)
    app.add_exception_handler(Exception, on_error)


def _add_page(app: FastAPI) -> None:
    app.mount("/static", StaticFiles(directory=STATIC, check_dir=False), name="static")

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        file = STATIC / "index.html"
        if not file.is_file():
            return RedirectResponse("/v1/info")
        return FileResponse(file, headers={"Content-Security-Policy": PAGE_POLICY})
