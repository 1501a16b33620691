"""Records of a score (Humdrum) → a score of some of them, with the head and the end that every score has."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

# Interpretations that stay in force until the next one of their kind, in the order in which they are written.
_LASTING = ("*clef", "*k[", "*M")


@dataclass(frozen=True)
class _Spine:
    """A spine at a record: its kind (``**kern``), and the interpretations in force."""

    kind: str = "**kern"
    lasting: tuple[str, ...] = ("*",) * len(_LASTING)

    def after(self, field: str) -> "_Spine":
        """The spine below a field."""
        if len(field) < 3:  # "*", as most
            return self
        if field.startswith("**"):
            return _Spine(field)
        for at, sign in enumerate(_LASTING):
            if field.startswith(sign) and not field.startswith("*MM"):
                return replace(self, lasting=(*self.lasting[:at], field, *self.lasting[at + 1 :]))
        return self


class ScoreRecords:
    """The records of a score in which every record has one field for each spine."""

    def __init__(self, humdrum: str) -> None:
        self.lines = humdrum.splitlines()
        self._spines: list[tuple[_Spine, ...]] = [()]  # above each record, and below the last one
        known: dict[tuple[str, int], tuple[_Spine, ...]] = {}  # by the record, and by which spines are above it
        for line in self.lines:
            above = below = self._spines[-1]
            if line.startswith("*"):
                found = known.get((line, id(above)))
                below = tuple(_below(line.split("\t"), above)) if found is None else found
                known[line, id(above)] = below = above if below == above else below
            self._spines.append(below)

    def part(self, low: int, high: int, *, lasting: bool) -> str:
        """Records ``low`` to ``high - 1``, with the head and the end of a score; without records, only these.

        Args:
            low: the first record.
            high: the one after the last.
            lasting: whether the clefs, keys and metres in force are repeated.
        """
        above, below = self._spines[low], self._spines[high]
        kinds = ["\t".join(spine.kind for spine in above)] if above else []
        signs = zip(*(spine.lasting for spine in above), strict=True) if lasting else ()
        head = [*kinds, *("\t".join(each) for each in signs if any(sign != "*" for sign in each))]
        end = ["\t".join(["*-"] * len(below))] if below else []
        return "\n".join([*head, *self.lines[low:high], *end]) + "\n"


def _below(fields: Sequence[str], spines: Sequence[_Spine]) -> Iterator[_Spine]:
    """The spines below a record of interpretations: ``*^`` makes two of one, ``*v`` beside ``*v`` one of several."""
    before = ""
    for at, field in enumerate(fields):
        spine = spines[at] if at < len(spines) else _Spine()
        if field == "*x" and before != "*x" and fields[at + 1 : at + 2] == ["*x"]:
            yield spines[at + 1] if at + 1 < len(spines) else _Spine()
        elif field == "*x" and before == "*x":
            yield spines[at - 1] if at - 1 < len(spines) else _Spine()
            field = ""
        elif field in ("*^", "*+"):
            yield spine
            yield spine if field == "*^" else _Spine()
        elif field != "*-" and not field == before == "*v":
            yield spine.after(field)
        before = field
