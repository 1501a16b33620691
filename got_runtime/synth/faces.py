"""Font faces of the data engine, all from pip packages, split into training and held-out families.

A family is on one side only: a held-out face is a design that the network was not trained on, not another weight of a
known one. Sources: PyMuPDF's built-in Nimbus faces (metric twins of Helvetica, Times and Courier),
``pymupdf-fonts``, matplotlib's bundled DejaVu and STIX, and the ``font-*`` packages.
"""

import io
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from PIL import ImageFont


@dataclass(frozen=True)
class Face:
    """One font file: ``family`` groups weights and slopes of one design; ``source`` is ``package:file``."""

    family: str
    style: str
    source: str
    held_out: bool = False

    @property
    def name(self) -> str:
        return f"{self.family} {self.style}"


def _family(family: str, held_out: bool = False, /, **styles: str) -> list[Face]:
    return [Face(family, style.replace("_", " "), source, held_out) for style, source in styles.items()]


def _mupdf(family: str, regular: str, italic: str, bold: str, both: str) -> list[Face]:
    return _family(
        family,
        Regular=f"pymupdf:{regular}",
        Italic=f"pymupdf:{italic}",
        Bold=f"pymupdf:{bold}",
        Bold_Italic=f"pymupdf:{both}",
    )


def _packaged(family: str, package: str, pattern: str, held_out: bool = False, /, **styles: str) -> list[Face]:
    sources = {style: f"{package}:files/{pattern.format(file)}" for style, file in styles.items()}
    return _family(family, held_out, **sources)


_MPL = "matplotlib:mpl-data/fonts/ttf/"
_FOUR = {"Regular": "Regular", "Italic": "Italic", "Bold": "Bold", "Bold_Italic": "BoldItalic"}
_FOUR_ADOBE = {"Regular": "Regular", "Italic": "It", "Bold": "Bold", "Semibold": "Semibold", "Light": "Light"}

FACES: tuple[Face, ...] = (
    *_mupdf("Nimbus Sans", "helv", "heit", "hebo", "hebi"),
    *_mupdf("Nimbus Roman", "tiro", "tiit", "tibo", "tibi"),
    *_mupdf("Nimbus Mono", "cour", "coit", "cobo", "cobi"),
    *_family("FiraGO", Regular="pymupdf:figo", Italic="pymupdf:figit", Bold="pymupdf:figbo"),
    *_family("Fira Mono", Regular="pymupdf:fimo", Bold="pymupdf:fimbo"),
    *_family("Noto Sans", Regular="pymupdf:notos", Bold="pymupdf:notosbo"),
    *_family("Space Mono", Regular="pymupdf:spacemo"),
    *_family("Cascadia Mono", Regular="pymupdf:cascadia"),
    *_family(
        "DejaVu Sans",
        Regular=_MPL + "DejaVuSans.ttf",
        Oblique=_MPL + "DejaVuSans-Oblique.ttf",
        Bold=_MPL + "DejaVuSans-Bold.ttf",
    ),
    *_family(
        "DejaVu Serif",
        Regular=_MPL + "DejaVuSerif.ttf",
        Italic=_MPL + "DejaVuSerif-Italic.ttf",
        Bold=_MPL + "DejaVuSerif-Bold.ttf",
    ),
    *_family("DejaVu Sans Mono", Regular=_MPL + "DejaVuSansMono.ttf", Bold=_MPL + "DejaVuSansMono-Bold.ttf"),
    *_packaged("Source Sans", "font_source_sans_pro", "SourceSansPro-{}.otf", False, **_FOUR_ADOBE),
    *_packaged("Source Serif", "font_source_serif_pro", "SourceSerifPro-{}.otf", False, **_FOUR_ADOBE),
    *_packaged("Lato", "font_lato", "Lato-{}.ttf", False, **_FOUR, Light="Light"),
    *_packaged("Hanken Grotesk", "font_hanken_grotesk", "HankenGrotesk-{}.otf", False, **_FOUR, Light="Light"),
    *_packaged("Manrope", "font_manrope", "Manrope-{}.ttf", False, Regular="Regular", Bold="Bold"),
    *_family("Fredoka One", Regular="font_fredoka_one:files/FredokaOne-Regular.ttf"),
    # Held out: a serif, a Times-like, two sans, a display sans and a mono.
    *_packaged("Caladea", "font_caladea", "Caladea-{}.ttf", True, **_FOUR),
    *_packaged("Roboto", "font_roboto", "Roboto-{}.ttf", True, **_FOUR),
    *_packaged("Red Hat Display", "font_rhd", "RedHatDisplay-{}.ttf", True, Regular="Regular", Bold="Bold"),
    *_family("Ubuntu", True, Regular="pymupdf:ubuntu", Bold="pymupdf:ubuntubo"),
    *_family("Ubuntu Mono", True, Regular="pymupdf:ubuntm"),
    *_family(
        "STIX",
        True,
        Regular=_MPL + "STIXGeneral.ttf",
        Italic=_MPL + "STIXGeneralItalic.ttf",
        Bold=_MPL + "STIXGeneralBol.ttf",
    ),
)

TRAINING_FACES = tuple(face for face in FACES if not face.held_out)
HELD_OUT_FACES = tuple(face for face in FACES if face.held_out)


@cache
def font_bytes(source: str) -> bytes:
    package, _, name = source.partition(":")
    if package == "pymupdf":
        import pymupdf

        font: Any = pymupdf.Font
        return bytes(font(name).buffer)
    return files(package).joinpath(name).read_bytes()


@lru_cache(maxsize=512)
def load_font(face: Face, size: int) -> ImageFont.FreeTypeFont:
    """The face at ``size`` pixels per em. Basic layout: the same pixels whether or not libraqm is installed."""
    return ImageFont.truetype(io.BytesIO(font_bytes(face.source)), size, layout_engine=ImageFont.Layout.BASIC)
