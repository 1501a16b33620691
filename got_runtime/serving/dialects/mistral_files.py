"""Mistral's ``/v1/files``: files that ``/v1/ocr`` reads by their ids, or by the addresses given for them."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response
from starlette.datastructures import UploadFile

from got_runtime.serving.dialects.common import refuse
from got_runtime.serving.files import KeptFile
from got_runtime.serving.problems import Problem
from got_runtime.serving.service import Service

__all__ = ["content_path", "router"]

router = APIRouter(prefix="/v1/files", tags=["mistral"])


def content_path(id: str) -> str:
    """The path of a file's bytes."""
    return f"/v1/files/{id}/content"


@router.post("")
async def create(request: Request) -> dict[str, Any]:
    """Keep a file for the purpose ``ocr``."""
    service = Service.of(request)
    async with request.form(max_files=1, max_fields=8, max_part_size=1 << 12) as form:
        fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
        refuse(fields, {"purpose": ("ocr",), "visibility": ("user", "workspace"), "expiry": ()}, {})
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise Problem(422, "InvalidRequest", "send the file as the part 'file'", param="file")
        upload = await service.intake.file(file, service.settings.limits)
    return _described(service, service.files.keep(upload, service.owner(request)))


@router.get("")
async def every(request: Request) -> dict[str, Any]:
    """The files that are kept, the newest first."""
    service = Service.of(request)
    files = [_described(service, file) for file in service.files.all(service.owner(request))]
    return {"object": "list", "data": files, "total": len(files)}


@router.get("/{id}")
async def one(request: Request, id: str) -> dict[str, Any]:
    """What is known of a file."""
    service = Service.of(request)
    return {**_described(service, service.files.get(id, service.owner(request))), "deleted": False}


@router.get("/{id}/url")
async def address(request: Request, id: str, expiry: int = 24) -> dict[str, str]:
    """The address of a file's bytes; it needs the same key, and ``/v1/ocr`` reads it without fetching it."""
    service = Service.of(request)
    file = service.files.get(id, service.owner(request))
    return {"url": f"{request.url.scheme}://{request.url.netloc}{content_path(file.id)}"}


@router.get("/{id}/content")
async def content(request: Request, id: str) -> Response:
    """The bytes of a file, which no browser shows."""
    service = Service.of(request)
    upload = service.files.upload(id, service.owner(request))
    assert upload.path is not None
    return FileResponse(upload.path, media_type="application/octet-stream", filename=upload.name)


@router.delete("/{id}")
async def delete(request: Request, id: str) -> dict[str, Any]:
    """Remove a file."""
    service = Service.of(request)
    service.files.remove(id, service.owner(request))
    return {"id": id, "object": "file", "deleted": True}


def _described(service: Service, file: KeptFile) -> dict[str, Any]:
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": int(file.created),
        "expires_at": int(file.created + service.settings.keep_seconds),
        "filename": file.name,
        "purpose": "ocr",
        "sample_type": "ocr_input",
        "source": "upload",
        "num_lines": None,
    }
