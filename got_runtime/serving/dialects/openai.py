"""OpenAI's dialect: ``POST /v1/chat/completions`` and ``GET /v1/models``.

The text of the message is one of GOT's official queries, or the name of a task; its images are read. Several images are
the pages of one context.
"""

import json
import re
import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from got_runtime.results import PageResult
from got_runtime.serving.answers import SSE, ClosingResponse, with_pings
from got_runtime.serving.body import Reading, read_json
from got_runtime.serving.dialects.common import ANY, all_failed, one_document, reading_options, refuse
from got_runtime.serving.problems import Problem, as_problem
from got_runtime.serving.read_queue import PageDone, Ticket, TokenRead
from got_runtime.serving.service import Service
from got_runtime.serving.uploads import Upload
from got_runtime.sources.names import one_line

__all__ = ["PATHS", "error", "router"]

PATHS = ("/v1/chat", "/v1/models")
MOST_IMAGES = 64
VIEW_TOKENS = 256
"""Image tokens of a view, which are counted as the prompt."""

_QUERY = re.compile(
    r"(?:\[(?P<where>[^\]]*)\]\s*)?OCR(?P<formatted> with format)?"
    r"(?P<kind> across multi pages| upon the patch reference)?\s*:?",
    re.IGNORECASE,
)
_QUERIES = "'OCR: ', 'OCR with format: ', '[x1, y1, x2, y2] OCR: ' (thousandths of the page), '[red] OCR: '"
_ACCEPTED = {
    **dict.fromkeys(("model", "messages", "stream", "stream_options", "options"), ANY),
    **dict.fromkeys(("max_tokens", "max_completion_tokens"), ANY),
    **dict.fromkeys(("user", "safety_identifier", "metadata", "seed", "prompt_cache_key"), ANY),
    "n": (1,),
    "temperature": (0,),
    "top_p": (1,),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "logprobs": (False,),
    "store": (False,),
    "stop": ([],),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "service_tier": ("auto", "default"),
}
_HINTS = {"temperature": "decoding is greedy: give 0, or leave it out"}

router = APIRouter(tags=["openai"])


def error(problem: Problem) -> Response:
    """A problem in OpenAI's shape."""
    kinds = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}
    kind = kinds.get(problem.status, "server_error" if problem.status >= 500 else "invalid_request_error")
    body = {"message": problem.detail, "type": kind, "param": problem.fields.get("param"), "code": problem.code}
    return JSONResponse({"error": body}, problem.status, problem.headers)


@dataclass(frozen=True)
class _Call:
    """A request that was understood."""

    reading: Reading
    model: str
    stream: bool
    usage: bool


@router.get("/v1/models")
async def models(request: Request) -> dict[str, Any]:
    """The model that is served."""
    return {"object": "list", "data": [_model(Service.of(request))]}


@router.get("/v1/models/{name:path}")
async def model(request: Request, name: str) -> dict[str, Any]:
    """The model with this name."""
    _check_model(name, Service.of(request))
    return _model(Service.of(request))


def _model(service: Service) -> dict[str, Any]:
    return {"id": service.runtime.model_info.name, "object": "model", "created": service.started, "owned_by": "got-ocr"}


def _check_model(name: object, service: Service) -> str:
    served = service.runtime.model_info.name
    if name not in (served, "got-ocr"):
        detail = f"there is no model {one_line(str(name))!r}: this service has {served!r}"
        raise Problem(404, "model_not_found", detail, param="model")
    return served


@router.post("/v1/chat/completions")
async def complete(request: Request) -> Response:
    """Read the images of a message."""
    service = Service.of(request)
    service.queue.check_room()
    call = await _understood(request, service)
    if call.stream:
        ticket = await service.admit(call.reading)
        parts = with_pings(_chunks(service, ticket, call))
        return ClosingResponse(parts, SSE, lambda: service.release(ticket))
    document = await service.read(request, call.reading)
    if document.errors and len(document.errors) == len(document.pages):
        raise all_failed(document.errors)
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": document.text, "refusal": None},
        "finish_reason": _finish(document.pages),
        "logprobs": None,
    }
    head = _head(call, "chat.completion")
    return JSONResponse({**head, "choices": [choice], "usage": _usage(document.pages)})


async def _understood(request: Request, service: Service) -> _Call:
    """Raises Problem and GotError for what cannot be done."""
    body = await read_json(request, service.settings.max_json_bytes)
    if not isinstance(body, dict):
        raise _wrong("the body is an object with 'model' and 'messages'", None)
    refuse(body, _ACCEPTED, _HINTS)
    name = _check_model(body.get("model"), service)
    text, images = _message(body.get("messages"))
    given = {**_options(body), "task": _task(text, len(images), service)}
    options = service.intake.options(given)
    uploads = [await _upload(service, image, options.limits) for image in images]
    upload = await service.queue.in_thread(one_document, uploads, options.limits)
    usage = isinstance(body.get("stream_options"), dict) and body["stream_options"].get("include_usage") is True
    return _Call(Reading(upload, options), name, body.get("stream") is True, usage)


def _options(body: dict[str, Any]) -> dict[str, Any]:
    given = reading_options(body)
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    return given if limit is None else {**given, "max_new_tokens": limit}


def _message(messages: Any) -> tuple[str, list[dict[str, Any]]]:
    """The text and the images of the only message."""
    if not isinstance(messages, list) or len(messages) != 1 or not isinstance(messages[0], dict):
        raise _wrong(
            "give one message of the role 'user': GOT keeps no conversation and has no system prompt", "messages"
        )
    content = messages[0].get("content")
    if messages[0].get("role") != "user" or not isinstance(content, list):
        raise _wrong("give one message of the role 'user' whose content is a list with an image", "messages")
    texts, images = list[str](), list[dict[str, Any]]()
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text" and isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif kind in ("image_url", "file") and isinstance(part.get(kind), dict):
            images.append(part)
        else:
            raise _wrong("a part of the content is neither text, image_url nor file", "messages")
    if not 1 <= len(images) <= MOST_IMAGES:
        raise _wrong(f"give 1 to {MOST_IMAGES} images, as parts of the type image_url", "messages")
    return "".join(texts).strip(), images


def _task(text: str, images: int, service: Service) -> dict[str, Any]:
    """The task of an official query, or of a name."""
    named = {"": service.markdown_task, "plain": "plain", "format": "format"}.get(text.lower())
    text = {"plain": "OCR:", "format": "OCR with format:"}.get(named or "", text)
    match = _QUERY.fullmatch(text)
    if match is None:
        raise _wrong(f"GOT follows no instructions: give one of its queries, {_QUERIES}; or no text", "messages")
    formatted, kind, where = match["formatted"] is not None, (match["kind"] or "").lower(), match["where"]
    if "patch" in kind and (images > 1 or where is not None):
        raise _wrong("patches are cut from one image here: give the whole image alone", "messages")
    if "patch" in kind:
        return {"kind": "tiles", "formatted": formatted}
    if images > 1 or "multi" in kind:
        if where is not None:
            raise _wrong("a box or colour is of one image: give one at a time", "messages")
        return {"kind": "pages", "formatted": formatted}
    if where is None:
        return {"kind": "format" if formatted else "plain"}
    if where.strip().lower() in ("red", "green", "blue"):
        return {"kind": "color", "color": where.strip().lower(), "formatted": formatted}
    return {**_box(where), "formatted": formatted}


def _box(text: str) -> dict[str, Any]:
    """A box in thousandths of the page. The half keeps the number the same when the query is made of it."""
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 4) or not all(0 <= number <= 1000 for number in numbers):
        raise _wrong("a box is [x1, y1, x2, y2] in thousandths of the page, 0 to 1000", "messages")
    names = ("x1", "y1", "x2", "y2")
    values = {name: min((number + 0.5) / 1000, 1.0) for name, number in zip(names, numbers, strict=False)}
    return {"kind": "box", "unit": "fraction", **values}


async def _upload(service: Service, part: dict[str, Any], limits: Any) -> Upload:
    if part["type"] == "file":
        data, name = part["file"].get("file_data"), part["file"].get("filename")
        if not isinstance(data, str):
            raise _wrong("file: give file_data, as base64 or a data: address; uploaded files are not kept", "messages")
        return service.intake.encoded(data, str(name) if name else None, limits)
    url = part["image_url"].get("url")
    if not isinstance(url, str):
        raise _wrong("image_url: give its url, a data: address", "messages")
    if url[:5].lower() == "data:":
        return service.intake.encoded(url, "image", limits)
    return await service.intake.address(url, limits)


def _wrong(detail: str, param: str | None) -> Problem:
    return Problem(400, "invalid_value", detail, param=param)


def _head(call: _Call, kind: str) -> dict[str, Any]:
    id = f"chatcmpl-{secrets.token_hex(12)}"
    return {"id": id, "object": kind, "created": int(time.time()), "model": call.model, "system_fingerprint": None}


def _finish(pages: Sequence[PageResult]) -> str:
    return "length" if any(page.finish_reason in ("length", "repetition") for page in pages) else "stop"


def _usage(pages: Sequence[PageResult]) -> dict[str, int]:
    prompt = sum(VIEW_TOKENS * (page.views.count if page.views else 1) for page in pages)
    decoded = sum(page.tokens for page in pages)
    return {"prompt_tokens": prompt, "completion_tokens": decoded, "total_tokens": prompt + decoded}


async def _chunks(service: Service, ticket: Ticket, call: _Call) -> AsyncGenerator[bytes, None]:
    """The text as it is decoded. A page whose text was replaced, since it ran into a loop, ends with ``length``."""
    head = _head(call, "chat.completion.chunk")

    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return _data({**head, "choices": [choice]})

    yield chunk({"role": "assistant", "content": ""})
    pages, sent, replaced = list[PageResult](), "", False
    try:
        async with aclosing(service.events(ticket, tokens=True)) as events:
            async for event in events:
                if isinstance(event, TokenRead) and event.page == _next_number(ticket, pages):
                    if pages and not sent:
                        yield chunk({"content": "\n\n"})
                    sent += event.text
                    yield chunk({"content": event.text})
                elif isinstance(event, PageDone):
                    text = event.result.text
                    if text.startswith(sent) and text != sent:
                        yield chunk({"content": ("\n\n" if pages and not sent else "") + text[len(sent) :]})
                    elif text != sent.rstrip():
                        replaced = True
                    pages.append(event.result)
                    sent = ""
    except Exception as failure:  # noqa: BLE001 - the status line was sent long ago
        yield b"data: " + bytes(error(as_problem(failure)).body) + b"\n\n"
        return
    yield chunk({}, "length" if replaced else _finish(pages))
    if call.usage:
        yield _data({**head, "choices": [], "usage": _usage(pages)})
    yield b"data: [DONE]\n\n"


def _next_number(ticket: Ticket, pages: Sequence[PageResult]) -> int:
    """The page whose text is next; tokens of pages after it are sent with the whole page."""
    return ticket.numbers[min(len(pages), len(ticket.numbers) - 1)]


def _data(value: Any) -> bytes:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()
