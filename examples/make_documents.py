"""Prints the example documents, as other programs than ours typeset them, and stores them as pictures of 170 dpi.

python examples/make_documents.py        (needs typst, LibreOffice and Chromium)

Their texts were written for this folder. The reference texts beside them were taken from the printed PDF files and put
into reading order by hand.
"""

import subprocess
import tempfile
from pathlib import Path

import typst
from PIL import Image

from got_runtime.sources import open_pages
from got_runtime.synth.degrade import scanned

DOCUMENTS = Path(__file__).parent / "documents"
DPI = 170
GREY_LEVELS = 16


def print_pdf(source: Path, folder: Path) -> Path:
    """The document as a PDF file: typst prints ``.typ``, Chromium the article, LibreOffice the report."""
    pdf = folder / f"{source.stem}.pdf"
    if source.suffix == ".typ":
        typst.compile(str(source), output=str(pdf))
    elif source.stem == "article":
        arguments = ["chromium", "--headless", "--no-sandbox", "--no-pdf-header-footer", f"--print-to-pdf={pdf}"]
        subprocess.run([*arguments, source.resolve().as_uri()], check=True)
    else:
        convert = ["soffice", "--headless", "--writer", "--convert-to", "pdf:writer_web_pdf_Export", "--outdir"]
        subprocess.run([*convert, str(folder), str(source)], check=True)
    return pdf


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for source in sorted((DOCUMENTS / "sources").iterdir()):
            for page in open_pages(print_pdf(source, Path(folder)), pages="1", dpi=DPI):
                image = page.image
                if not isinstance(image, Image.Image):
                    raise SystemExit(f"{source.name} could not be printed")
                if source.stem == "letter":
                    scanned(image).convert("L").save(DOCUMENTS / "letter-scan.jpg", quality=40)
                else:
                    grey = image.convert("L").quantize(GREY_LEVELS)
                    grey.save(DOCUMENTS / f"{source.stem}.png", optimize=True)


if __name__ == "__main__":
    main()
