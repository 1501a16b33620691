"""Settings of the service."""

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from got_runtime.sources.limits import Limits
from got_runtime.tasks import MAX_NEW_TOKENS

__all__ = ["ServeSettings"]


class ServeSettings(BaseModel):
    """Bounds and switches of the service. Clients may ask for lower limits, never for higher ones."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    keys: tuple[SecretStr, ...] = ()
    """Accepted API keys; without any, every request is accepted."""

    allow_remote: bool = False
    """Whether sources may be addresses on the public internet. Private addresses are never fetched."""

    limits: Limits = Limits(max_pages=1_000, max_bytes=256 << 20, max_seconds_per_page=300, max_remote_bytes=64 << 20)
    """Bounds on one document."""

    task: Literal["plain", "format"] | None = None
    """Task of clients that ask for Markdown and name none; ``None`` is ``"format"``, with got-nano ``"plain"``."""

    max_new_tokens: int = Field(default=MAX_NEW_TOKENS, ge=1)
    """Highest ``max_new_tokens`` of a request."""

    max_json_bytes: int = Field(default=64 << 20, ge=1)
    """Size of a JSON body, which is held in memory, with files as base64."""

    max_waiting_pages: int = Field(default=1_000, ge=1)
    """Pages that wait for a reader. Requests beyond it are answered with 429 and ``Retry-After``."""

    readers: int = Field(default=16, ge=1)
    """Documents that are read at the same time; twice the batch size keeps the batch full."""

    body_seconds: float = Field(default=300, gt=0)
    """Time in which the body of a request must arrive."""

    idle_seconds: float = Field(default=30, gt=0)
    """Longest pause within the body of a request."""

    drain_seconds: float = Field(default=30, gt=0)
    """Time that requests have to finish when the service is stopped. Jobs go on after a restart."""

    state: Path | None = None
    """Folder of jobs and uploaded files; ``None`` for a temporary one, which is removed at the end."""

    keep_seconds: float = Field(default=86_400, gt=0)
    """Time that finished jobs and uploaded files are kept."""

    max_kept_bytes: int = Field(default=4 << 30, ge=1)
    """Size of all jobs and uploaded files together."""

    hosts: tuple[str, ...] = ()
    """Names under which the service is called; ``()`` for any. Where no key is needed, they keep a web page from
    reaching it under a name of its own (DNS rebinding)."""

    allowed_origins: tuple[str, ...] = ()
    """Origins of other web pages that may call the service from a browser, such as ``https://example.org``."""

    mcp_root: Path | None = None
    """Folder whose documents assistants read by the Model Context Protocol at ``/mcp``; None: no such route."""

    source_url: str | None = None
    """Where users find the source of this installation, shown in ``/v1/info``."""
