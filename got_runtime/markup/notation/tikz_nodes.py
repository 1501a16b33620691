"""Nodes, labels and angles of TikZ."""

import math
import re
from dataclasses import replace

from got_runtime.markup.notation.tikz_math import NotDrawn, Point, evaluate
from got_runtime.markup.notation.tikz_options import apply, parse_options
from got_runtime.markup.notation.tikz_reader import StatementReader
from got_runtime.markup.notation.tikz_sheet import OFFSETS, label_text

__all__ = ["NodeReader"]

_ANCHORS = {"north": "below", "south": "above", "east": "left", "west": "right"}
_PLACES = {"midway": 0.5, "near start": 0.25, "near end": 0.75, "very near start": 0.125, "very near end": 0.875}
_PLACES |= {"at start": 0.0, "at end": 1.0}


class NodeReader(StatementReader):
    """Reads nodes into the sheet of a figure."""

    def _label_parts(self) -> tuple[str, str]:
        options = self._options()
        if self._group("(") is not None:
            raise NotDrawn
        options += "," + self._options()
        text = self._group("{")
        if text is None:
            raise NotDrawn
        return options, text

    def _label_between(self, start: Point, end: Point, options: str, text: str) -> None:
        keys = dict(parse_options(options, self.styles))
        apply(self.frame, list(keys.items()), {})
        part = evaluate(keys["pos"]) if "pos" in keys else next((_PLACES[key] for key in keys if key in _PLACES), 0.5)
        place = self.frame.at((start[0] + part * (end[0] - start[0]), start[1] + part * (end[1] - start[1])))
        sides, is_opaque = _sides(keys), keys.get("fill") == "white"
        self.labels.append(lambda: self.sheet.text(place, text, sides, is_opaque=is_opaque and not sides))

    def _node(self, command: str, at: Point | None) -> None:
        """``node[options] (name) at (point) {text}``, the parts in any order."""
        name, options, text = "", "", None
        while True:
            if self._take(r"at\b"):
                at = self._needed()
            elif (part := self._group("[")) is not None:
                options += part + ","
            elif (part := self._group("(")) is not None:
                name = part.strip()
            elif command == "node" and text is None and (part := self._group("{")) is not None:
                text = part
                break
            else:
                break
        keys = dict(parse_options(options, self.styles))
        apply(self.frame, [(key, value) for key, value in keys.items() if key not in ("shape",)], self.sheet.named)
        if at is None:
            if any(key in keys for key in ("above", "below", "left", "right")) and any(keys.get(k) for k in OFFSETS):
                raise NotDrawn
            at = (0.0, 0.0)
        place = self.frame.at(at)
        if name:
            self.sheet.named[name] = place
            if text and text.strip():
                length = len(re.sub("<.*?>", "", label_text(text)))
                self.sheet.boxes[name] = (0.1 * length + 0.15, 0.28)
        shaped = [key for key in ("draw", "fill") if key in keys and keys[key] != "white"]
        if shaped and text and text.strip():
            raise NotDrawn
        if shaped and command == "node":
            radius = evaluate(keys.get("minimum size", "0")) / 2 or evaluate(keys.get("inner sep", "0.1")) or 0.05
            shade = replace(self.frame, stroke="black", fill="black" if "fill" in keys else "none")
            self.labels.append(lambda: self.sheet.circle(at, radius, shade))
        if text:
            self.labels.append(lambda: self.sheet.text(place, text, _sides(keys)))
        if label := keys.get("label"):
            side, _, shown = label.partition(":") if ":" in label else ("above", "", label)
            if side not in OFFSETS and not all(word in OFFSETS for word in side.split()):
                side = _side_of(evaluate(side))
            self.labels.append(lambda: self.sheet.text(place, shown, side))
        if self.text.startswith(("\\node", "\\coordinate")):
            for label_ in self.labels:
                label_()

    def _angle(self) -> None:
        """``pic [options] {angle = A--B--C}`` of the angles library."""
        text = self._options()
        inside = self._group("{") or ""
        options = dict(parse_options(text + "," + self._options(), self.styles))
        found = re.fullmatch(r"\s*(right )?angle\s*=\s*(.+?)--(.+?)--(.+?)\s*", inside)
        if found is None:
            raise NotDrawn
        a, b, c = (self._place(each) for each in found.groups()[1:])
        radius = evaluate(options.get("angle radius", "0.5"))
        start, end = (math.atan2(place[1] - b[1], place[0] - b[0]) for place in (a, c))
        end += 2 * math.pi if end < start else 0
        turns = [start + (end - start) * step / 24 for step in range(25)]
        line = [(b[0] + radius * math.cos(t), b[1] + radius * math.sin(t)) for t in turns]
        if found[1]:
            line = [line[0], (line[0][0] + line[-1][0] - b[0], line[0][1] + line[-1][1] - b[1]), line[-1]]
        frame = apply(
            self.frame,
            [(key, value) for key, value in options.items() if not key.startswith(("angle", '"', "pic"))],
            {},
        )
        if "draw" in options or frame.stroke not in ("", "none"):
            frame = replace(frame, stroke=frame.stroke if frame.stroke not in ("", "none") else "black", fill="none")
            self.sheet.line([frame.at(each) for each in line], frame)
        if label := next((key.strip('"') for key in options if key.startswith('"')), options.get("pic text", "")):
            far = radius * evaluate(options.get("angle eccentricity", "1.3" if found[1] else "1.4"))
            turn = (start + end) / 2
            self.sheet.text(frame.at((b[0] + far * math.cos(turn), b[1] + far * math.sin(turn))), label)


def _sides(keys: dict[str, str]) -> str:
    words = [key for key in keys if key.split(" ")[0] in OFFSETS]
    anchor = keys.get("anchor", "").split()
    if any(each not in (*_ANCHORS, "center", "base", "mid") for each in anchor):
        raise NotDrawn
    return " ".join([*words, *(_ANCHORS[each] for each in anchor if each in _ANCHORS)])


def _side_of(angle: float) -> str:
    """The side of a label that stands at an angle from its point."""
    turn = math.radians(angle)
    sides = ["right" if math.cos(turn) > 0.38 else "left" if math.cos(turn) < -0.38 else ""]
    sides.append("above" if math.sin(turn) > 0.38 else "below" if math.sin(turn) < -0.38 else "")
    return " ".join(side for side in sides if side)
