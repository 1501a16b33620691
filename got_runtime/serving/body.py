"""The body of a request → a document and the options of reading it: multipart, JSON, or the bytes themselves."""

import asyncio
import base64
import binascii
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from urllib.parse import unquote_to_bytes

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import UploadFile

from got_runtime.errors import LimitExceeded, OptionError, SourceForbidden
from got_runtime.options import ReadOptions
from got_runtime.serving.problems import Problem
from got_runtime.serving.uploads import Spool, Upload
from got_runtime.sources import Limits, remote
from got_runtime.sources.names import one_line, without_secrets

if TYPE_CHECKING:
    from got_runtime.serving.settings import ServeSettings

__all__ = [
    "INCLUDABLE",
    "Intake",
    "ReadBody",
    "ReadSource",
    "Reading",
    "form_options",
    "includes",
    "invalid",
    "read_json",
]

Includable = Literal["markdown", "html", "elements"]
INCLUDABLE: tuple[str, ...] = ("markdown", "html", "elements")
_PART = 1 << 20
_MOST_FIELDS = 64
_FIELD_BYTES = 1 << 16
_FILE_TYPES = ("application/pdf", "application/octet-stream", "image/")


class ReadSource(BaseModel):
    """A document in JSON: its bytes in base64 (or a ``data:`` address), or an address on the public internet."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    data: str | None = None
    url: str | None = None
    name: str | None = Field(default=None, description="Shown in results and messages.")


class ReadBody(BaseModel):
    """The JSON body of ``POST /v1/read`` and ``POST /v1/jobs``. ``options`` are those of ReadOptions."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    source: ReadSource
    options: dict[str, Any] = {}
    include: list[Includable] = []


@dataclass(frozen=True)
class Reading:
    """What a client asks for."""

    upload: Upload
    options: ReadOptions
    include: tuple[str, ...] = ()


class Intake:
    """Makes documents of what clients send.

    Args:
        settings: bounds.
        folder: for large uploads.
    """

    def __init__(self, settings: "ServeSettings", folder: Path) -> None:
        self._settings = settings
        self._folder = folder

    async def reading(self, request: Request) -> Reading:
        """The document, options and extras of a request of the native interface.

        Raises:
            Problem: a body of another type, or one that cannot be parsed.
            GotError: an option or a document that is refused.
        """
        query = dict(request.query_params)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "multipart/form-data":
            return await self._from_form(request, query)
        if kind == "application/json":
            return await self._from_json(request, query)
        if kind.startswith(_FILE_TYPES):
            include = includes(query)
            options = self.options(form_options(query))
            spool = Spool(self._folder, options.limits.max_bytes, "upload")
            async with aclosing(request.stream()) as parts:
                return Reading(await spool.take(parts), options, include)
        raise Problem(
            415,
            "UnsupportedMediaType",
            f"a body of type {one_line(kind) or '(none)'} cannot be read: send multipart/form-data, application/json, "
            "application/pdf or an image",
        )

    async def _from_form(self, request: Request, query: dict[str, str]) -> Reading:
        async with request.form(max_files=1, max_fields=_MOST_FIELDS, max_part_size=_FIELD_BYTES) as form:
            files = {name: value for name, value in form.multi_items() if isinstance(value, UploadFile)}
            fields = {**query, **{name: value for name, value in form.multi_items() if isinstance(value, str)}}
            url = fields.pop("url", None)
            if (not files and url is None) or (files and url is not None) or (files and "file" not in files):
                raise Problem(422, "InvalidRequest", "send one document: a part named 'file', or the field 'url'")
            include = includes(fields)
            options = self.options(form_options(fields))
            if files:
                return Reading(await self.file(files["file"], options.limits), options, include)
            return Reading(await self.address(str(url), options.limits), options, include)

    async def _from_json(self, request: Request, query: dict[str, str]) -> Reading:
        given = await read_json(request, self._settings.max_json_bytes)
        try:
            body = ReadBody.model_validate(given)
        except ValidationError as error:
            raise invalid(error) from error
        include = includes(query) or tuple(body.include)
        options = self.options({**form_options(query), **body.options})
        source = body.source
        if (source.data is None) == (source.url is None):
            raise Problem(422, "InvalidRequest", "source: give either 'data' or 'url'")
        if source.data is not None:
            return Reading(self.encoded(source.data, source.name, options.limits), options, include)
        return Reading(await self.address(str(source.url), options.limits), options, include)

    def options(self, given: Mapping[str, Any], caller: str = "this request") -> ReadOptions:
        """Options from names and values, within the bounds of the service.

        Raises:
            OptionError: an unknown option, or a value that it cannot have here.
            SourceForbidden: addresses are asked for, and the service fetches none.
        """
        options = ReadOptions.of(given, caller=caller)
        most = self._settings.max_new_tokens
        if "max_new_tokens" in options.model_fields_set and options.max_new_tokens > most:
            raise OptionError(f"max_new_tokens={options.max_new_tokens}: this service decodes at most {most} a page")
        if options.allow_remote and not self._settings.allow_remote:
            raise _no_addresses()
        return options.replace(
            {
                "limits": _lower(options.limits, self._settings.limits),
                "max_new_tokens": min(options.max_new_tokens, most),
            },
            caller=caller,
        )

    async def file(self, file: UploadFile, limits: Limits) -> Upload:
        """The document of a multipart part."""

        async def parts() -> AsyncIterator[bytes]:
            while part := await file.read(_PART):
                yield part

        return await Spool(self._folder, limits.max_bytes, file.filename).take(parts())

    def encoded(self, text: str, name: str | None, limits: Limits) -> Upload:
        """The document of a base64 string or a ``data:`` address. Raises Problem if it is neither."""
        if text[:5].lower() == "data:":
            head, comma, text = text[5:].partition(",")
            if not comma:
                raise Problem(422, "InvalidRequest", "a data: address has no comma: give data:image/png;base64,…")
            if not head.endswith(";base64"):
                return self._in_memory(unquote_to_bytes(text), name, limits)
        try:
            # Line breaks are usual in base64; anything else that is not of its alphabet is an error.
            data = base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError) as error:
            raise Problem(422, "InvalidRequest", "the document is not valid base64: encode its bytes again") from error
        return self._in_memory(data, name, limits)

    def _in_memory(self, data: bytes, name: str | None, limits: Limits) -> Upload:
        spool = Spool(self._folder, limits.max_bytes, name)
        spool.write(data)
        return spool.finish()

    async def address(self, url: str, limits: Limits) -> Upload:
        """The document at an address on the public internet. Raises SourceError."""
        if not self._settings.allow_remote:
            raise _no_addresses()
        data = await asyncio.to_thread(remote.fetch, url, limits)
        return Upload(one_line(without_secrets(url)), memory=data)


def _no_addresses() -> SourceForbidden:
    return SourceForbidden("this service fetches no addresses: send the file, or start it with --allow-remote")


def _lower(asked: Limits, most: Limits) -> Limits:
    """The lower bound of each limit. Where files are rendered is for the service to say."""
    bounds: dict[str, Any] = {"isolate": most.isolate}
    for name in Limits.model_fields.keys() - bounds.keys():
        values = [getattr(asked, name), getattr(most, name)]
        bounds[name] = min((value for value in values if value is not None), default=None)
    return Limits(**bounds)


def form_options(fields: Mapping[str, str]) -> dict[str, Any]:
    """Options from text fields: ``task=format``, ``dpi=200``, ``boxes=true``, ``limits={"max_pages": 3}``.

    The field ``options`` may hold several of them as a JSON object.
    """
    given: dict[str, Any] = {}
    for name, text in fields.items():
        value = text if name == "password" else _value(text)
        if name == "options":
            if not isinstance(value, dict):
                raise OptionError('options: give a JSON object, such as {"task": "format"}')
            given = {**value, **given}
        else:
            given[name] = value
    return given


def _value(text: str) -> Any:
    """A JSON value, else the text itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def includes(fields: dict[str, str]) -> tuple[str, ...]:
    """The extras that a request names; the field is taken out. Raises OptionError."""
    names = tuple(name.strip() for name in fields.pop("include", "").split(",") if name.strip())
    for name in names:
        if name not in INCLUDABLE:
            raise OptionError(f"include={one_line(name)!r}: choose from {', '.join(INCLUDABLE)}")
    return names


async def read_json(request: Request, max_bytes: int) -> Any:
    """The JSON body of a request. Raises Problem and LimitExceeded."""
    body = bytearray()
    async with aclosing(request.stream()) as parts:
        async for part in parts:
            body += part
            if len(body) > max_bytes:
                raise LimitExceeded(f"the JSON body is larger than {max_bytes:,} bytes: send multipart/form-data")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Problem(400, "InvalidJson", f"the body is not JSON: {one_line(str(error))}") from error


def invalid(error: ValidationError) -> Problem:
    """The problem of a body that has other fields than it should."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return Problem(422, "InvalidRequest", one_line(f"{where}: {first['msg'].removeprefix('Value error, ')}"))
