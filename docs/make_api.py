"""Writes docs/api.md: the public names with their signatures and docstrings, read from the source by griffe.

python docs/make_api.py            (``make docs``)
python docs/make_api.py --check    (``make check``: exit code 1 when docs/api.md is stale)
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import griffe

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "docs" / "api.md"

# Module, and the names of it that are documented; None for its __all__.
PUBLIC: dict[str, tuple[str, ...] | None] = {
    "got_runtime": None,
    "got_runtime.results": ("ElementBox", "PageLine", "PageViews", "Attempt", "PageError"),
    "got_runtime.sources": ("open_pages", "SourcePage"),
    "got_runtime.markup": None,
    "got_runtime.errors": None,
    "got_runtime.cluster": ("read_documents", "cost_per_million_pages", "SliceLister", "SliceReader", "ReaderSettings"),
    "got_loaders.langchain": None,
    "got_loaders.llama_index": None,
    "got_loaders.haystack": None,
    "got_loaders.pymupdf4llm": None,
}
HIDDEN = {"model_config"}  # pydantic's own settings
LINE = 100
"""Characters of a signature on one line; a longer one has a line for each parameter."""


def main() -> int:
    text = render()
    if "--check" not in sys.argv[1:]:
        TARGET.write_text(text, encoding="utf-8")
        return 0
    if TARGET.exists() and TARGET.read_text(encoding="utf-8") == text:
        return 0
    print("docs/api.md is stale: run `make docs` and commit the result", file=sys.stderr)
    return 1


def render() -> str:
    """The whole page, in Markdown."""
    loader = griffe.GriffeLoader(
        search_paths=[str(ROOT)], docstring_parser=griffe.Parser.google, docstring_options={"warnings": False}
    )
    for package in ("got_runtime", "got_loaders"):
        loader.load(package)
    loader.resolve_aliases(implicit=False)
    parts = [
        "# API reference",
        "`make docs` writes this page from the docstrings; do not edit it. "
        "Start with [quickstart.md](quickstart.md) if you are new here.",
        "\n".join(f"- [`{name}`](#{name.replace('.', '')})" for name in PUBLIC),
    ]
    for name, chosen in PUBLIC.items():
        module = loader.modules_collection[name]
        exported = chosen or [str(each) for each in module.exports or ()]
        parts += [f"## {name}", *docstring_of(module, whole=name == "got_runtime.errors")]
        for each in exported:
            if not each.startswith("_"):
                parts += document(each, final(module[each]), level=3)
    return "\n\n".join(parts) + "\n"


def final(found: griffe.Object | griffe.Alias) -> griffe.Object:
    return found.final_target if isinstance(found, griffe.Alias) else found


def document(path: str, found: griffe.Object, level: int) -> Iterator[str]:
    """Heading, signature, docstring and public members of a class, function or attribute."""
    yield f"{'#' * level} {path}"
    if isinstance(found, griffe.Function):
        yield code(signature(found, path.rsplit(".", 1)[-1]))
    elif isinstance(found, griffe.Attribute):
        value = str(found.value)
        yield code(f"{path} = " + (value if len(value) <= LINE else value.replace(" | ", "\n    | ")))
    elif isinstance(found, griffe.Class) and isinstance(made := found.members.get("__init__"), griffe.Function):
        yield code(signature(made, path))
    yield from docstring_of(found)
    if isinstance(found, griffe.Class):
        members = [each for name, each in found.members.items() if not name.startswith("_") and name not in HIDDEN]
        fields = [each for each in members if isinstance(each, griffe.Attribute) and is_field(each, found)]
        # The fields of a dataclass stand in its signature already.
        if any(each.docstring for each in fields) or (fields and "dataclass" not in found.labels):
            yield "Fields:"
            yield "\n".join(map(field_line, fields))
        for each in members:
            if isinstance(each, griffe.Function) and each.docstring:
                yield from document(f"{path}.{each.name}", each, level + 1)


def is_field(attribute: griffe.Attribute, owner: griffe.Class) -> bool:
    """Whether an attribute is a field or a property rather than a variable set by ``__init__`` or an alias."""
    made = owner.members.get("__init__")
    if isinstance(made, griffe.Function) and "dataclass" not in owner.labels:
        lines = range(made.lineno or 0, (made.endlineno or 0) + 1)
        return attribute.annotation is not None and attribute.lineno not in lines
    return attribute.annotation is not None


def field_line(attribute: griffe.Attribute) -> str:
    """A field or property of a class as an item of a list."""
    kind = str(attribute.annotation)
    if kind.startswith("Annotated["):  # without pydantic's validators
        kind = ast.unparse(ast.parse(kind).body[0].value.slice.elts[0])  # type: ignore[attr-defined]
    default = default_of(str(attribute.value)) if attribute.value is not None else ""
    meaning = f": {flat(attribute.docstring.value)}" if attribute.docstring else ""
    return f"- `{attribute.name}: {unquoted(kind)}{default}`{meaning}"


def default_of(value: str) -> str:
    """`` = default`` of a field, also where it stands in a call of ``Field``; empty for a required one."""
    call = ast.parse(value, mode="eval").body
    if not (isinstance(call, ast.Call) and ast.unparse(call.func).lower() == "field"):
        return f" = {value}"
    given = {each.arg: ast.unparse(each.value) for each in call.keywords}
    if "default_factory" in given:
        return f" = {given['default_factory']}()"
    return f" = {given['default']}" if "default" in given else ""


def signature(function: griffe.Function, name: str) -> str:
    """``name(parameters) -> type``, without ``self``."""
    given = [each for each in function.parameters if each.name not in ("self", "cls")]
    shown: list[str] = []
    for each in given:
        if each.kind is griffe.ParameterKind.keyword_only and not any(one.startswith("*") for one in shown):
            shown.append("*")
        stars = {griffe.ParameterKind.var_positional: "*", griffe.ParameterKind.var_keyword: "**"}.get(each.kind, "")
        text = f"{stars}{each.name}" + (f": {unquoted(each.annotation)}" if each.annotation is not None else "")
        shown.append(text + (f" = {each.default}" if each.default is not None and not stars else ""))
    returned = (
        f" -> {unquoted(function.returns)}" if function.returns is not None and function.name != "__init__" else ""
    )
    line = f"{name}({', '.join(shown)}){returned}"
    return line if len(line) <= LINE else f"{name}(\n    " + ",\n    ".join(shown) + f",\n){returned}"


def unquoted(annotation: object) -> str:
    """An annotation without the quotation marks of names that are imported for type checkers only."""
    text = str(annotation)
    return text if "Literal[" in text else text.replace("'", "").replace('"', "")


def docstring_of(found: griffe.Object, whole: bool = True) -> Iterator[str]:
    """The sections of a docstring; with ``whole=False`` its first paragraph."""
    for section in found.docstring.parsed if found.docstring else ():
        if isinstance(section, griffe.DocstringSectionText):
            yield markdown(section.value if whole else section.value.split("\n\n", 1)[0])
            if not whole:
                return
        elif isinstance(section, griffe.DocstringSectionParameters | griffe.DocstringSectionAttributes):
            yield "Args:" if isinstance(section, griffe.DocstringSectionParameters) else "Attributes:"
            yield "\n".join(f"- `{each.name}`: {flat(each.description)}" for each in section.value)
        elif isinstance(section, griffe.DocstringSectionRaises):
            yield "Raises:"
            yield "\n".join(f"- `{each.annotation}`: {flat(each.description)}" for each in section.value)
        elif isinstance(section, griffe.DocstringSectionReturns | griffe.DocstringSectionYields):
            yield "Returns:" if isinstance(section, griffe.DocstringSectionReturns) else "Yields:"
            yield "\n".join(f"- {flat(each.description)}" for each in section.value)
        else:
            raise SystemExit(f"{found.path}: docs/make_api.py does not know the docstring section {section.kind.value}")


def flat(text: str) -> str:
    return markdown(" ".join(text.split()))


def markdown(text: str) -> str:
    """Roles and literals of reStructuredText as Markdown's."""
    text = re.sub(r":\w+:`~(?:\w+\.)*(\w+)`", r"`\1`", text)
    return re.sub(r":\w+:`([^`]+)`", r"`\1`", text).replace("``", "`")


def code(text: str) -> str:
    return f"```python\n{text}\n```"


if __name__ == "__main__":
    sys.exit(main())
