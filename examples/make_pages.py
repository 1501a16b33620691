"""Draws the example pages. Their texts were written for this folder and are on no training page.

python examples/make_pages.py        (needs got-ocr[train] for the fonts)
"""

from pathlib import Path

import pymupdf
from PIL import Image, ImageDraw

from got_runtime.synth.faces import FACES, load_font

PAGES = Path(__file__).parent / "pages"

IMAGES = {
    "letter.png": (
        ("Source Serif Regular", 46, (1100, 1300), (250, 247, 238), (35, 33, 40)),
        """Dear Ms Whitcombe,

Thank you for the two boxes of plates.
All 38 arrived unbroken on Tuesday, and
the labels could still be read.

We will scan them in March and return
the originals by the end of April.
Please tell us which of them may be
shown at the museum.

With kind regards,
Oliver Tennant""",
    ),
    "notice.jpg": (
        ("Nimbus Sans Bold", 58, (1200, 1000), (255, 255, 255), (15, 15, 15)),
        """NOTICE TO VISITORS
The north stairs are closed until
Friday 14 June. Use the lift beside
the ticket office (open 8:30-17:45).
Dogs are welcome on the ground floor.
Questions? Call 0161 555 0142.""",
    ),
    "recipe.png": (
        ("DejaVu Serif Regular", 36, (1000, 1200), (244, 240, 228), (60, 30, 20)),
        """Lentil soup for four
250 g red lentils
2 carrots, 1 onion, 3 garlic cloves
1.2 litres of stock
1 tsp cumin, juice of half a lemon
Fry the onion until it is golden. Add
garlic, carrots and cumin; stir for
one minute. Pour in the lentils and
the stock and simmer for 25 minutes.
Blend, season and serve with lemon.""",
    ),
    "held-out-faces/timetable.png": (
        ("Ubuntu Regular", 44, (1100, 900), (235, 242, 250), (10, 30, 70)),
        """Harbour ferry, winter timetable
From the old pier 7:05 and 9:40
From the island 8:20 and 11:15
Sundays: one crossing only, 10:30
Return tickets cost 6.80, children
under 12 travel free of charge.""",
    ),
    "held-out-faces/poem.webp": (
        ("Caladea Italic", 52, (1000, 1100), (255, 253, 245), (40, 40, 40)),
        """The tide forgets the castle wall,
the gull forgets the sea,
but every stone along the quay
remembers you and me.

A lantern swings, a rope is thrown,
the harbour lights burn low;
we count the boats that come back home
and those that will not go.""",
    ),
}

MINUTES = (
    """Minutes of the garden committee
Held on 3 May in the village hall
Present: Ada Brook, Jon Pike, Mei Lin
and eleven members.
1. The minutes of April were agreed.
2. The pump is repaired; it cost 184.""",
    """3. Water barrels: five were bought,
two more are promised by the school.
4. The gate code changes on 1 June.
Members will be told by post.
5. Seeds: order before 20 February.""",
    """6. Any other business
Jon asked for volunteers to paint
the shed. Mei will bring the brushes.
Next meeting: 7 June at 19:30.
The meeting closed at 20:55.""",
)


def lines_of(text: str) -> str:
    """The page's text: its printed lines, without empty ones."""
    return "\n".join(line for line in text.splitlines() if line)


def main() -> None:
    faces = {face.name: face for face in FACES}
    for name, ((face, size, page, paper, ink), text) in IMAGES.items():
        image = Image.new("RGB", page, paper)
        draw = ImageDraw.Draw(image)
        font = load_font(faces[face], size)
        for number, line in enumerate(text.splitlines()):
            draw.text((page[0] * 0.07, page[1] * 0.07 + number * size * 1.5), line, font=font, fill=ink)
        target = PAGES / name
        target.parent.mkdir(parents=True, exist_ok=True)
        image.save(target, quality=90)
        target.with_suffix(".txt").write_text(lines_of(text) + "\n", encoding="utf-8")
    with pymupdf.open() as document:
        for text in MINUTES:
            sheet = document.new_page(width=420, height=420)
            for number, line in enumerate(text.splitlines()):
                sheet.insert_text((34, 60 + number * 30), line, fontname="tiro", fontsize=19)
        document.save(PAGES / "minutes.pdf", deflate=True, garbage=3)
    (PAGES / "minutes.txt").write_text("\f".join(MINUTES) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
