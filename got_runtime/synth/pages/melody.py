"""Melodies of a bar or two as Humdrum ``**kern``; every symbol of the notation is visible on the staff."""

from dataclasses import dataclass

import numpy as np

_STEPS = "cdefgab"
_SHARPS, _FLATS = "fcgdaeb", "beadgcf"
# Eighths in a note of each kern duration.
_EIGHTHS = {"1": 8, "2.": 6, "2": 4, "4.": 3, "4": 2, "8": 1}
_WEIGHTS = {"1": 0.15, "2.": 0.15, "2": 0.6, "4.": 0.35, "4": 1.6, "8": 0.6}
# Diatonic number (7 per octave, c of octave 0 is 0) of the bottom line of the staff.
_BOTTOM = {"clefG2": 30, "clefF4": 18}


@dataclass(frozen=True)
class ScoreEvent:
    """A note or rest: ``duration`` and ``beam`` (``L``, ``J`` or nothing) as kern writes them.

    ``step`` is its height on the staff, 0 on the bottom line and 1 in the space above it; None for a rest.
    """

    duration: str
    step: int | None
    pitch: str = "r"
    accidental: str = ""
    beam: str = ""

    @property
    def token(self) -> str:
        return f"{self.duration}{self.pitch}{self.accidental}{self.beam}"


@dataclass(frozen=True)
class Melody:
    """``key`` as in ``*k[f#c#]``, ``meter`` as in ``*M3/4``."""

    clef: str
    key: str
    meter: str
    bars: tuple[tuple[ScoreEvent, ...], ...]

    @property
    def records(self) -> list[str]:
        """The lines of the ``**kern`` spine."""
        lines = ["**kern", f"*{self.clef}", f"*k[{self.key}]", f"*M{self.meter}"]
        for number, bar in enumerate(self.bars, 1):
            lines.append("=1-" if number == 1 else f"={number}")
            lines += [event.token for event in bar]
        return [*lines, "==", "*-"]


def _pitch(height: int) -> str:
    """kern's name of a diatonic number: ``c`` is middle C, ``cc`` above it, ``C`` below it."""
    letter, octave = _STEPS[height % 7], height // 7
    return letter * (octave - 3) if octave >= 4 else letter.upper() * (4 - octave)


def _durations(rng: np.random.Generator, eighths: int) -> list[str]:
    """Durations that fill a bar; eighths come in pairs or with a dotted quarter."""
    out: list[str] = []
    left = eighths
    while left:
        fitting = [d for d, length in _EIGHTHS.items() if length + (d in ("4.", "8")) <= left]
        weights = np.array([_WEIGHTS[d] for d in fitting])
        duration = fitting[rng.choice(len(fitting), p=weights / weights.sum())]
        chosen = {"8": ["8", "8"], "4.": ["4.", "8"]}.get(duration, [duration])
        out += chosen
        left -= sum(_EIGHTHS[d] for d in chosen)
    return out


def melody(rng: np.random.Generator, training: bool) -> Melody:
    """One or two bars (in training up to three) of notes and rests that move by small steps."""
    clef = "clefG2" if rng.random() < 0.7 else "clefF4"
    count = int(rng.integers(1, 4)) if rng.random() < 0.6 else 0
    sharp = rng.random() < 0.5
    letters = (_SHARPS if sharp else _FLATS)[:count]
    sign = "#" if sharp else "-"
    meter = str(rng.choice(["4/4", "3/4", "2/4"], p=[0.5, 0.3, 0.2]))
    bars = int(rng.integers(1, 4 if training else 3))
    step = int(rng.integers(0, 9))
    out: list[tuple[ScoreEvent, ...]] = []
    for _ in range(bars):
        events: list[ScoreEvent] = []
        altered: set[int] = set()
        for duration in _durations(rng, {"4/4": 8, "3/4": 6, "2/4": 4}[meter]):
            if duration != "8" and rng.random() < 0.1:
                events.append(ScoreEvent(duration, None))
                continue
            step = int(np.clip(step + round(rng.normal(0, 2.2)), -2, 10))
            while step in altered:  # an accidental holds to the end of its bar
                step = step + 1 if step < 10 else -2
            height = _BOTTOM[clef] + step
            letter = _STEPS[height % 7]
            signed = sign if letter in letters else ""
            if rng.random() < 0.06 and all(event.step != step for event in events):
                signed = "n" if signed else ("#" if letter in "cfgd" else "-" if letter in "bea" else "")
                altered.add(step)
            events.append(ScoreEvent(duration, step, _pitch(height), signed))
        out.append(tuple(_beamed(rng, events)))
    return Melody(clef, "".join(letter + sign for letter in letters), meter, tuple(out))


def _beamed(rng: np.random.Generator, events: list[ScoreEvent]) -> list[ScoreEvent]:
    """Some neighbouring pairs of eighths joined by a beam."""
    out = list(events)
    i = 0
    while i + 1 < len(out):
        a, b = out[i], out[i + 1]
        if a.duration == b.duration == "8" and rng.random() < 0.6:
            out[i] = ScoreEvent("8", a.step, a.pitch, a.accidental, "L")
            out[i + 1] = ScoreEvent("8", b.step, b.pitch, b.accidental, "J")
            i += 1
        i += 1
    return out
