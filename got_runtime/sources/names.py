"""Names of sources for messages and results: printable, on one line, without passwords."""

import os
import re
import unicodedata
from typing import Any

import numpy as np
from PIL import Image

__all__ = ["display_name", "is_address", "one_line", "printable", "without_secrets"]

# At least two letters: "C://" is a drive.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def printable(name: str) -> str:
    """``name`` with each control character, line separator and surrogate replaced by ``�`` (file names may hold any
    bytes).
    """
    return "".join("�" if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") else c for c in name)


def one_line(text: str, longest: int = 200) -> str:
    """``text`` for a message: on one line, without control characters, at most ``longest`` characters."""
    flat = "".join(c if c.isprintable() else "�" for c in " ".join(text.split()))
    return flat if len(flat) <= longest else f"{flat[: longest - 1]}…"


def is_address(source: object) -> bool:
    """Whether ``source`` is a string like ``https://…`` rather than a path."""
    return isinstance(source, str) and _ADDRESS.match(source) is not None


def without_secrets(url: str) -> str:
    """``url`` without user name and password."""
    scheme, _, rest = url.partition("://")
    host, slash, tail = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{tail}"


def display_name(source: Any) -> str:
    """The name of a source in results: its path or address (without secrets), or ``<bytes>``, ``<image>`` …"""
    if is_address(source):
        return one_line(without_secrets(source))
    if isinstance(source, str | os.PathLike):
        return printable(str(source))
    if isinstance(source, bytes | bytearray | memoryview):
        return "<bytes>"
    if isinstance(source, np.ndarray):
        return "<array>"
    is_image, is_blob = isinstance(source, Image.Image), callable(getattr(source, "as_bytes", None))
    attribute = "filename" if is_image else "source" if is_blob else "name"
    name = getattr(source, attribute, None)
    kind = "<image>" if is_image else "<blob>" if is_blob else "<file>"
    return one_line(str(name)) if name else kind
