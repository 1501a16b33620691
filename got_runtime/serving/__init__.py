"""The service: an HTTP server that reads pages, and speaks the dialects that clients of other services use."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from got_runtime.serving.app import create_app
    from got_runtime.serving.settings import ServeSettings

__all__ = ["ServeSettings", "create_app"]

_MODULES = {"ServeSettings": "settings", "create_app": "app"}


def __getattr__(name: str) -> object:
    # FastAPI takes a second to import, which `got-ocr --help` must not.
    if name not in _MODULES:
        raise AttributeError(f"module 'got_runtime.serving' has no attribute {name!r}")
    from importlib import import_module

    from got_runtime.errors import MissingExtra

    try:
        return getattr(import_module(f"got_runtime.serving.{_MODULES[name]}"), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("fastapi", "starlette", "prometheus_client"):
            raise MissingExtra("serve", str(error.name)) from error
        raise
