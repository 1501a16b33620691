"""The OpenAPI description: the options of reading come from ``ReadOptions``, results from ``DocumentResult``."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from got_runtime.options import ReadOptions
from got_runtime.results import DocumentResult, PageResult
from got_runtime.serving.body import INCLUDABLE, ReadBody

__all__ = ["READ_BODY", "READ_RESPONSES", "install"]

_PREFIX = "#/components/schemas/"
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_PROBLEM = {
    "type": "object",
    "description": "An error (RFC 9457).",
    "required": ["type", "title", "status", "code", "detail", "retryable"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:got-ocr:problem:source-corrupt"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "examples": ["SourceCorrupt", "Busy"]},
        "detail": {"type": "string"},
        "retryable": {"type": "boolean"},
        "retry_after": {"type": "integer", "description": "Seconds; with 429."},
    },
}
READ_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {"schema": {"$ref": f"{_PREFIX}ReadForm"}},
        "application/json": {"schema": {"$ref": f"{_PREFIX}ReadBody"}},
        "application/pdf": _BINARY,
        "image/*": _BINARY,
        "application/octet-stream": _BINARY,
    },
}
"""A document and its options; with the bytes themselves as the body, options are query parameters."""
READ_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The document, in the format that Accept names.",
        "content": {
            "application/json": {"schema": {"$ref": f"{_PREFIX}DocumentResult"}},
            "application/x-ndjson": {"schema": {"$ref": f"{_PREFIX}PageResult"}},
            **{kind: {"schema": {"type": "string"}} for kind in ("text/event-stream", "text/markdown", "text/html")},
            "text/plain": {"schema": {"type": "string"}},
        },
    },
    "default": {
        "description": "An error.",
        "content": {"application/problem+json": {"schema": {"$ref": f"{_PREFIX}Problem"}}},
    },
}


def install(app: FastAPI) -> None:
    """Let the application describe itself with the schemas of the package."""

    def description() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            schema.setdefault("components", {}).setdefault("schemas", {}).update(_schemas())
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = description  # type: ignore[method-assign] # FastAPI's documented way


def _schemas() -> dict[str, Any]:
    _, inputs = models_json_schema(
        [(ReadOptions, "validation"), (ReadBody, "validation")], ref_template=f"{_PREFIX}{{model}}"
    )
    _, outputs = models_json_schema(
        [(DocumentResult, "serialization"), (PageResult, "serialization")], ref_template=f"{_PREFIX}{{model}}"
    )
    schemas = {**outputs["$defs"], **inputs["$defs"]}
    options = schemas["ReadOptions"]
    # In form fields and query parameters a task may be named, and objects are written as JSON.
    form = {
        "type": "object",
        "properties": {
            "file": {"type": "string", "format": "binary"},
            "url": {"type": "string"},
            "include": {"type": "string", "description": f"Extras, with commas between: {', '.join(INCLUDABLE)}."},
            "options": {"type": "string", "description": "Options as one JSON object."},
            **options["properties"],
        },
    }
    schemas["ReadBody"]["properties"]["options"] = {"$ref": f"{_PREFIX}ReadOptions"}
    return {**schemas, "ReadForm": form, "Problem": _PROBLEM}
