"""The page at ``/`` in a real browser: Chromium, driven by Playwright, with pages that got-nano reads."""

import json
import os
import re
import shlex
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright", reason="the page is tested where Playwright is installed: pip install playwright")
pytest.importorskip("fastapi", reason="the service needs the extra serve")

from helpers.live_service import service_at
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright
from pydantic import SecretStr

from got_runtime import GotRuntime
from got_runtime.serving import ServeSettings

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="the page is tested where Chromium is installed")

AXE = next(
    (
        file
        for folder in os.environ.get("NODE_PATH", "").split(os.pathsep)
        if (file := Path(folder or "none") / "axe-core/axe.min.js").is_file()
    ),
    None,
)
DROP = """([name, type, bytes]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([Uint8Array.from(atob(bytes), each => each.charCodeAt(0))], name, {type}));
  document.dispatchEvent(new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true}));
}"""


@pytest.fixture(scope="module")
def address(runtime: GotRuntime) -> Iterator[str]:
    with service_at(runtime) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The page as it is loaded. At the end: nothing was asked of another host, and the console has no error."""
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"], accept_downloads=True)
    page = context.new_page()
    asked: list[str] = []
    errors: list[str] = []

    def on_request(request: Request) -> None:
        asked.append(request.url)

    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            errors.append(message.text)

    page.on("request", on_request)
    page.on("console", on_console)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    yield page
    context.close()
    assert all(url.startswith((address, "data:", "blob:")) for url in asked)
    assert not [error for error in errors if "status of 4" not in error]


def drop(page: Page, file: Path, kind: str) -> None:
    import base64

    page.evaluate(DROP, [file.name, kind, base64.b64encode(file.read_bytes()).decode()])


def text_of(page: Page) -> str:
    return str(page.locator("#panel").inner_text())  # untyped where Playwright is not installed


def read(page: Page, sample: str, pages: int = 1) -> None:
    page.click(f"[data-sample='{sample}']")
    expect(page.locator("#status")).to_contain_text(f"{pages} page{'s' * (pages > 1)} in ", timeout=60_000)


def draw(page: Page, x1: float, y1: float, x2: float, y2: float) -> None:
    """A box with the mouse; fractions of the picture."""
    sheet = page.locator("#sheet")
    sheet.scroll_into_view_if_needed()
    box: Any = sheet.bounding_box()
    page.mouse.move(box["x"] + x1 * box["width"], box["y"] + y1 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + x2 * box["width"], box["y"] + y2 * box["height"], steps=4)
    page.mouse.up()


def test_a_dropped_document_is_read_page_by_page(page: Page, pages: Path) -> None:
    drop(page, pages / "minutes.pdf", "application/pdf")
    expect(page.locator("#status")).to_contain_text("3 pages in ", timeout=60_000)
    expect(page.locator("#strip img")).to_have_count(3)
    expect(page.locator("#strip [aria-current=page]")).to_have_count(1)
    for number, line in ((1, "Minutes of the garden committee"), (3, "6. Any other business")):
        page.click(f"#strip button:nth-child({number})")
        expect(page.locator("#picture-title")).to_have_text(f"Page {number} of minutes.pdf")
        assert text_of(page).startswith(line)
    page.reload()
    expect(page.locator("#reading")).to_be_hidden()


def test_text_and_picture_are_linked_and_a_drawn_box_is_read(page: Page) -> None:
    read(page, "notice.jpg")
    page.hover("#panel [data-part='0']")
    expect(page.locator("#overlay rect.marked")).to_have_count(1)
    draw(page, 0.02, 0.02, 0.98, 0.35)
    region = page.locator("#regions li").first
    expect(region).not_to_contain_text("reading …", timeout=30_000)
    assert set(region.locator("pre").inner_text().split()) & set(text_of(page).split())
    page.select_option("#frame select", "blue")
    page.click("#frame button")
    expect(page.locator("#regions li").first).to_contain_text("The blue frame of page 1:", timeout=30_000)


def test_formats_are_shown_copied_and_saved(page: Page) -> None:
    read(page, "notice.jpg")
    shown = text_of(page)
    page.click("#copy")
    expect(page.locator("#copied")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()").split() == shown.split()
    page.click("#tab-rendered")
    expect(page.locator("#panel pre")).to_have_count(0)
    page.click("#tab-json")
    assert json.loads(text_of(page))["finish_reason"] == "stop"
    for format in ("md", "txt", "html", "json"):
        with page.expect_download() as started:
            page.click(f"[data-save='{format}']")
        assert started.value.suggested_filename == f"notice.{format}"
        saved = Path(started.value.path()).read_text()
        assert shown.split()[0] in saved
    with page.expect_download() as started:
        read(page, "minutes.pdf", 3)
        page.click("[data-save='html']")
    saved = Path(started.value.path()).read_text()
    assert [saved.count(each) for each in ("<body", "<hr>", "committee", "business", "</html>")] == [1, 2, 1, 1, 1]
    assert "/v1/read -F 'file=@minutes.pdf'" in str(page.locator("#curl").text_content())


def test_a_reading_is_cancelled(page: Page, tmp_path: Path) -> None:
    import pymupdf

    with pymupdf.open() as document:
        for _ in range(30):
            document.new_page().insert_text((50, 100), "A page of several words", fontsize=30)
        document.save(tmp_path / "long.pdf")
    drop(page, tmp_path / "long.pdf", "application/pdf")
    expect(page.locator("#strip button")).to_have_count(30, timeout=30_000)
    page.click("#cancel")
    expect(page.locator("#status")).to_contain_text("Cancelled after ")
    expect(page.locator("#cancel")).to_be_hidden()
    draw(page, 0.02, 0.02, 0.98, 0.3)
    expect(page.locator("#regions li").first).to_contain_text("A page", timeout=30_000)
    deadline = time.monotonic() + 10
    while page.evaluate("fetch('/v1/capacity').then(each => each.json())")["reading_pages"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_errors_are_said_where_they_happen(page: Page, tmp_path: Path) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing else")
    drop(page, tmp_path / "broken.pdf", "application/pdf")
    expect(page.get_by_role("alert")).to_contain_text("broken.pdf", timeout=30_000)
    read(page, "notice.jpg")
    expect(page.get_by_role("alert")).to_be_hidden()
    page.fill("[name=pages]", "7")
    page.click("#again")
    expect(page.get_by_role("alert")).to_contain_text("7")
    page.fill("[name=pages]", "")
    page.select_option("[name=task]", "tiles")
    page.click("#again")
    expect(page.locator("#status")).to_contain_text("1 page in ", timeout=60_000)


def test_an_encrypted_document_is_read_with_its_password(page: Page, tmp_path: Path) -> None:
    import pymupdf

    with pymupdf.open() as document:
        document.new_page().insert_text((50, 100), "A secret page", fontsize=30)
        document.save(tmp_path / "locked.pdf", encryption=5, user_pw="sesame", owner_pw="own")
    drop(page, tmp_path / "locked.pdf", "application/pdf")
    expect(page.get_by_role("alert")).to_have_text(
        "the document is encrypted: enter its password, and read again.", timeout=30_000
    )
    page.keyboard.type("wrong")  # the field has the focus
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("the password does not fit", timeout=30_000)
    page.fill("[name=password]", "sesame")
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_contain_text("1 page in ", timeout=60_000)
    expect(page.locator("#image")).to_have_attribute("src", re.compile("^data:image/jpeg"))
    assert "secret" in text_of(page)
    assert "sesame" not in str(page.locator("#repeat").text_content())
    read(page, "notice.jpg")
    expect(page.locator("#password-label")).to_be_hidden()


def test_what_is_no_document_is_said(page: Page, tmp_path: Path) -> None:
    alert = page.get_by_role("alert")
    page.evaluate("document.dispatchEvent(new DragEvent('drop', {dataTransfer: new DataTransfer(), bubbles: true}))")
    expect(alert).to_have_text("that is no file: drop a PDF or an image.")
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    drop(page, tmp_path / "a.heic", "")
    expect(alert).to_contain_text("HEIC")
    # A folder looks like a file, whose bytes cannot be read.
    page.evaluate("File.prototype.slice = () => ({arrayBuffer: () => Promise.reject(new Error('a folder'))})")
    drop(page, tmp_path / "a.heic", "")
    expect(alert).to_contain_text("it is a folder, or was changed or removed")


def test_names_and_texts_run_nothing(page: Page, tmp_path: Path, pages: Path) -> None:
    name = "<img src=x onerror=document.title='run'>'; $(touch x).jpg"
    (tmp_path / name).write_bytes((pages / "notice.jpg").read_bytes())
    drop(page, tmp_path / name, "image/jpeg")
    expect(page.locator("#status")).to_contain_text("1 page in ", timeout=60_000)
    expect(page.locator("#picture-title")).to_have_text(f"Page 1 of {name}")
    assert page.title() == "got-ocr"
    assert shlex.split(str(page.locator("#curl").text_content()))[3] == f'file=@"{name}"'
    html = (
        "<p id=status onclick=x()>T</p><a href='javascript:document.title=1'>L</a><img src=x onerror=document.title=1>"
    )
    page.evaluate(
        """async html => {
          const { Answer } = await import("/static/answer.js");
          const answer = new Answer(() => {});
          answer.choose(1);
          answer.show({ text: "", html });
        }""",
        html.replace("<img src=x", "<img src=data:,"),
    )
    assert page.locator("#status").count() == 1
    assert page.locator("#panel a").get_attribute("href") is None
    assert page.title() == "got-ocr"


def test_the_last_of_several_documents_is_shown(page: Page) -> None:
    for sample in ("minutes.pdf", "paper.png", "notice.jpg"):
        page.click(f"[data-sample='{sample}']")
    expect(page.locator("#picture-title")).to_have_text("Page 1 of notice.jpg", timeout=30_000)
    expect(page.locator("#status")).to_contain_text("1 page in ", timeout=60_000)
    expect(page.locator("#strip button")).to_have_count(1)


def test_a_turned_page_is_shown_and_read_as_it_was_asked_for(page: Page, pages: Path, tmp_path: Path) -> None:
    with Image.open(pages / "notice.jpg") as image:
        image.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png")
    page.select_option("[name=rotate]", "90")
    drop(page, tmp_path / "turned.png", "image/png")
    expect(page.locator("#status")).to_contain_text("1 page in ", timeout=60_000)
    expect(page.locator("#image")).to_have_attribute("src", re.compile("^data:image/jpeg"))
    page.select_option("[name=rotate]", "0")  # for the next document
    width, height = page.locator("#image").evaluate("image => [image.naturalWidth, image.naturalHeight]")
    assert width > height
    draw(page, 0.02, 0.02, 0.98, 0.35)
    region = page.locator("#regions li").first
    expect(region).not_to_contain_text("reading …", timeout=30_000)
    assert set(region.locator("pre").inner_text().split()) & set(text_of(page).split())


def test_a_key_is_asked_for_and_a_service_that_ends_is_told(runtime: GotRuntime, browser: Browser) -> None:
    settings = ServeSettings(keys=(SecretStr("right"),), drain_seconds=1)
    page = browser.new_page()
    with service_at(runtime, settings) as address:
        page.goto(address)
        page.click("[data-sample='notice.jpg']")
        expect(page.get_by_role("alert")).to_have_text("this service needs a valid key: enter it, and read again.")
        page.keyboard.type("wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("valid key")
        page.fill("[name=key]", "right")
        page.keyboard.press("Enter")
        expect(page.locator("#status")).to_contain_text("1 page in ", timeout=60_000)
        expect(page.locator("#model")).to_contain_text("got-nano")
    page.click("#again")
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
    page.click("[data-sample='paper.png']")
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
    page.close()


def test_the_keyboard_is_enough(page: Page) -> None:
    def reach(target: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("target => document.activeElement.matches(target)", target):
                return
        raise AssertionError(f"{target} cannot be reached")

    reach("[data-sample='notice.jpg']")
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_contain_text("1 page in ", timeout=60_000)
    for name, value in (("x1", "2"), ("y1", "2"), ("x2", "98"), ("y2", "40")):
        reach(f"[name={name}]")
        page.keyboard.type(value)
    page.keyboard.press("Enter")
    expect(page.locator("#regions li")).to_contain_text("Box 2, 2, 98, 40 % of page 1:", timeout=30_000)
    reach("#tab-text")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#tab-rendered")).to_have_attribute("aria-selected", "true")


@pytest.mark.parametrize("dark", [False, True])
def test_small_screens_and_both_colour_schemes_are_accessible(page: Page, dark: bool) -> None:
    page.emulate_media(color_scheme="dark" if dark else "light")
    page.set_viewport_size({"width": 380, "height": 740})
    read(page, "minutes.pdf", 3)
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    if AXE is None:
        pytest.skip("axe-core is not installed: npm install axe-core, and set NODE_PATH")
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run()")["violations"]
    assert not [(each["id"], [node["html"] for node in each["nodes"]]) for each in found]


def test_the_policy_of_the_page_allows_its_own_files_only(page: Page, address: str) -> None:
    answer = page.request.get(address)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
