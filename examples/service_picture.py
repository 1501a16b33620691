"""Takes a picture of the page that the service shows: docs/service.png, which docs/service.md shows.

python examples/service_picture.py        (needs Chromium, Playwright, and got-ocr[serve])
"""

import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import expect, sync_playwright

HERE = Path(__file__).parent
DOCUMENT = HERE / "documents" / "article.png"
PICTURE = HERE.parent / "docs" / "service.png"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SIZE = {"width": 1200, "height": 760}
COLORS = 96
MARKED = 4  # the line under the pointer
START_SECONDS = 60


@contextmanager
def served() -> Iterator[str]:
    """The address of ``got-ocr serve``."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = (sys.executable, "-c", "from got_runtime.cli import main; raise SystemExit(main())")
    with (
        tempfile.TemporaryDirectory() as state,
        subprocess.Popen([*command, "serve", "--port", str(port), "--state", state]) as process,
    ):
        try:
            wait_for(f"{address}/ready")
            yield address
        finally:
            process.terminate()
            process.wait()


def wait_for(url: str) -> None:
    """Return once the address answers."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(url).close()
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def main() -> None:
    browser_path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser_path is None:
        raise SystemExit("this needs Chromium")
    with served() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE)
        page.goto(address)
        page.set_input_files("#file", DOCUMENT)
        expect(page.locator("#status")).to_contain_text("1 page in ", timeout=120_000)
        expect(page.locator("#image")).to_have_attribute("alt", "Page 1")
        page.hover(f"#panel [data-part] >> nth={MARKED}")
        page.screenshot(path=PICTURE)
        browser.close()
    with Image.open(PICTURE) as image:
        image.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE).save(PICTURE, optimize=True)
    print(f"{PICTURE}: {PICTURE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
