r"""What stands between ``\begin{lstlisting}`` or ``\begin{minted}`` and the code: options, the language."""

import re
from typing import NamedTuple

# Figures that are not drawn: their source is shown.
DRAWINGS = frozenset({"asy", "circuitikz", "forest", "picture", "pspicture", "tikzcd"})
# Environments whose content is no LaTeX text.
RAW_ENVIRONMENTS = DRAWINGS | {"verbatim", "lstlisting", "minted", "tikzpicture", "Verbatim", "alltt"}

_OPTIONS = re.compile(r"[ \t]*\[([^\[\]\n]{0,200})\]")
_ARGUMENT = re.compile(r"[ \t]*\{([\w+#.-]{1,20})\}")
_VALUE = r"\s*=\s*(?:\{([^{}]*)\}|([^,{}]*))"
_LANGUAGE, _CAPTION = re.compile(r"\blanguage" + _VALUE), re.compile(r"\b(?:caption|title)" + _VALUE)
_NAMED = re.compile(r"\{?[\w+#.-]{0,20}\}?")
_SETTINGS = re.compile(r"[^<>={}]*[={}][^<>]*")  # title="a.py", {.numberLines}
_WITH_SETTINGS = frozenset({"lstlisting", "minted", "Verbatim"})


class Listing(NamedTuple):
    """The code of an environment, its language and its caption; None for what is not stated."""

    code: str
    language: str | None = None
    caption: str | None = None


def read_listing(name: str, text: str) -> Listing:
    """The parts of the environment ``name``, which is the whole ``text``."""
    if name in DRAWINGS:
        return Listing(text, "latex")
    body = text.removeprefix(f"\\begin{{{name}}}").removesuffix(f"\\end{{{name}}}")
    if name not in _WITH_SETTINGS:
        return Listing(body)
    options = _OPTIONS.match(body)
    settings = options[1] if options and ("=" in options[1] or name == "minted") else ""
    position = options.end() if options and settings else 0
    argument = _ARGUMENT.match(body, position) if name == "minted" else None
    position = argument.end() if argument else position
    if body[position:].strip(" \t")[:1] not in ("\n", "\r", ""):
        return Listing(body)  # code in the line of its \begin
    language = argument[1] if argument else _value(_LANGUAGE, settings)
    return Listing(body[position:], language.lower() if language else None, _value(_CAPTION, settings))


def read_fence(text: str) -> tuple[Listing, bool]:
    """The code between two fences and the language that the first fence names; and whether the second one is there.

    Words behind a fence that are no settings of it are text that stands behind the end of other code.
    """
    first, _, rest = text.partition("\n")
    language, _, settings = first.strip("`").strip().partition(" ")
    code, closing, _ = rest.rpartition("\n```")
    if not closing:
        code = rest.removeprefix("```")
    if not _NAMED.fullmatch(language) or (settings and not _SETTINGS.fullmatch(settings)):
        code, language = f"{language} {settings}\n{code}", ""
    return Listing(code, language or None), bool(closing) or rest.startswith("```")


def _value(pattern: re.Pattern[str], settings: str) -> str | None:
    found = pattern.search(settings)
    return (found[1] if found[1] is not None else found[2]).strip() or None if found else None
