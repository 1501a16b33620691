"""Read a page and a PDF with the embedded got-nano, offline.

python examples/quickstart.py
"""

from pathlib import Path

from got_runtime import GotRuntime

pages = Path(__file__).parent / "pages"
runtime = GotRuntime.from_pretrained()  # or "stepfun-ai/GOT-OCR-2.0-hf", or a folder

document = runtime.read(pages / "letter.png")
print(document.text)

for page in runtime.stream(pages / "minutes.pdf", pages="1,3"):
    sure = page.confidence.mean if page.confidence else 0.0
    print(f"\n--- page {page.label}, {page.tokens} tokens, mean probability {sure:.2f}, {page.finish_reason}")
    print(page.text)
