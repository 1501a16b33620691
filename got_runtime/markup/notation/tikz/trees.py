"""Trees: nodes with ``child {node {…}}``, as for probabilities."""

import re
from dataclasses import dataclass, field

from got_runtime.markup.notation.tikz.numbers import NotDrawn, Point, length
from got_runtime.markup.notation.tikz.options import parse_options
from got_runtime.markup.notation.tikz.path import PathReader

__all__ = ["TreeReader"]

_GROWTH = {"down": (0, -1), "up": (0, 1), "right": (1, 0), "left": (-1, 0), "east": (1, 0), "west": (-1, 0)}
_GROWTH |= {"south": (0, -1), "north": (0, 1)}
_MAX_NODES = 200


@dataclass
class _Child:
    node: str
    options: dict[str, str]
    edge: str = ""
    """The nodes on the edge from the parent."""
    edge_options: str = ""
    children: list["_Child"] = field(default_factory=list)


class TreeReader(PathReader):
    """Reads a node and its children, and draws them as a tree."""

    def read_tree(self, statement: str) -> None:
        """Draws the tree of a statement. Raises ``NotDrawn``."""
        start = re.search(r"\bchild\b", statement)
        assert start is not None
        head = statement[: start.start()].strip()
        if not head.startswith(("\\node", "\\path node", "\\draw node")):
            raise NotDrawn
        self.text, self.position = statement, start.start()
        children = self._children()
        self._space()
        if self.position < len(self.text):
            raise NotDrawn
        self.count = 0
        root = "\\node" + head.split("node", 1)[1]
        found = re.search(r"\(([^()]+)\)(?!\s*\})", re.sub(r"\bat\s*\([^()]*\)", "", root.partition("{")[0]))
        name = found[1].strip() if found else "tree root"
        if not found:
            root = root.replace("\\node", f"\\node ({name})", 1)
        self._run(root)
        self._grow(name, self.sheet.named[name], children, 1)

    def _run(self, statement: str) -> None:
        PathReader(self.sheet, self.frame, self.styles).read(statement)

    def _children(self) -> list[_Child]:
        found = []
        while self._take(r"child\b"):
            options = dict(parse_options(self._options(), self.styles))
            inside = self._group("{")
            if inside is None or options.keys() - {"grow", "missing", "level distance", "sibling distance"}:
                raise NotDrawn
            found.append(self._child(inside, options))
        return found

    def _child(self, inside: str, options: dict[str, str]) -> _Child:
        reader = TreeReader(self.sheet, self.frame, self.styles)
        reader.text = inside
        if not reader._take(r"node\b"):
            raise NotDrawn
        written = ""
        while reader.position < len(inside):
            for sign in "[(":
                if (part := reader._group(sign)) is not None:
                    written += sign + part + ("]" if sign == "[" else ")")
                    break
            else:
                break
        text = reader._group("{")
        if text is None:
            raise NotDrawn
        child = _Child(f"{written}{{{text}}}", options)
        child.children = reader._children()
        if reader._take(r"edge from parent\b"):
            child.edge_options = reader._options()
            child.edge = inside[reader.position :].strip()
            reader.position = len(inside)
        reader._space()
        if reader.position < len(inside):
            raise NotDrawn
        return child

    def _grow(self, parent: str, place: Point, children: list[_Child], level: int) -> None:
        style = dict(parse_options(self.styles.get(f"level {level}", ""), self.styles))
        keys = {**self.frame.keys, **style}
        x, y = _GROWTH.get(keys.get("grow'", keys.get("grow", "down")), (0, 0))
        if not x and not y:
            raise NotDrawn
        away, apart = length(keys.get("level distance", "15mm")), length(keys.get("sibling distance", "15mm"))
        mirrored = -1 if "grow'" in keys else 1
        for number, child in enumerate(children):
            self.count += 1
            if self.count > _MAX_NODES:
                raise NotDrawn
            if "missing" in child.options:
                continue
            off = (number - (len(children) - 1) / 2) * apart * mirrored
            at = place[0] + x * away - y * off, place[1] + y * away + x * off
            name = f"{parent}-{number + 1}"
            found = re.match(r"(?:\[[^\]]*\])*\(([^()]+)\)", child.node)
            name = found[1].strip() if found else name
            local = self.frame.inverse(at)
            own = "" if found else f"({name})"
            self._run(rf"\node[at={{({local[0]:.5f},{local[1]:.5f})}}]{own}{child.node}")
            self._run(rf"\draw[{self._edge_style()}{child.edge_options}] ({parent}) -- {child.edge} ({name})")
            self._grow(name, at, child.children, level + 1)

    def _edge_style(self) -> str:
        style = self.styles.get("edge from parent", "")
        return style + "," if style else ""
