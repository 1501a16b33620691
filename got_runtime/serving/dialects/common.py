"""What every dialect needs: refusing what cannot be done, and one document of several images."""

import io
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from got_runtime.serving.problems import Problem
from got_runtime.serving.uploads import Upload
from got_runtime.sources import Limits, open_pages
from got_runtime.sources.names import one_line

__all__ = ["ANY", "all_failed", "one_document", "reading_options", "refuse"]

ANY: Collection[Any] = ()
"""Every value is accepted."""


def refuse(given: Mapping[str, Any], accepted: Mapping[str, Collection[Any]], hints: Mapping[str, str]) -> None:
    """Refuse the first option that has no effect here: what was asked for would not be in the answer.

    Args:
        given: options and values; None is that of an option that was not given.
        accepted: options and the values that can be honoured.
        hints: what to say of some options.

    Raises:
        Problem: it names the option.
    """
    for name, value in given.items():
        if name not in accepted:
            hint = hints.get(name, "this service does not have it: leave it out")
            raise Problem(422, "UnsupportedOption", f"{one_line(str(name))}: {hint}", param=str(name))
        values = accepted[name]
        if value is not None and values is not ANY and not any(value == each for each in values):
            hint = hints.get(name) or f"give {' or '.join(repr(each) for each in values)}"
            raise Problem(422, "UnsupportedOption", f"{name}={one_line(repr(value))}: {hint}", param=name)


def reading_options(body: Mapping[str, Any]) -> dict[str, Any]:
    """The member ``options`` of a JSON body: those of ReadOptions that the dialect has no names for. Raises Problem."""
    given = body.get("options")
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise Problem(422, "InvalidRequest", "options: give an object with options of reading", param="options")
    return given


def one_document(uploads: Sequence[Upload], limits: Limits) -> Upload:
    """Images and documents as the pages of one document.

    Args:
        uploads: at least one.
        limits: bounds on each, and on the pages together.

    Raises:
        SourceError: one of them cannot be opened.
    """
    if len(uploads) == 1:
        return uploads[0]
    images = []
    for upload in uploads:
        for page in open_pages(upload, limits=limits):
            if page.error is not None:
                raise page.error
            assert page.image is not None
            images.append(page.image)
    buffer = io.BytesIO()
    images[0].save(buffer, "TIFF", save_all=True, append_images=images[1:], compression="tiff_deflate")
    return Upload("images", memory=buffer.getvalue())


def all_failed(errors: Sequence[Any]) -> Problem:
    """The problem of a document of which no page could be read."""
    return Problem(422, errors[0].error.type, errors[0].error.message)
