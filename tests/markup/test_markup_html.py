"""The HTML of a hostile page: no script, no event handler, nothing loaded from elsewhere."""

from html.parser import HTMLParser
from itertools import product

import pytest

from got_runtime.markup import parse, to_html

ATTACKS = r"""<script>alert(1)</script>
<ScRiPt src=//evil.example/x.js></sCrIpT>
<img src=x onerror=alert(1)>
<img src="https://evil.example/pixel.png">
<svg onload=alert(1)>
<svg><script>alert(1)</script></svg>
<svg><a xlink:href="javascript:alert(1)"><text>x</text></a></svg>
<math><mtext></table><mglyph><style><img src=x onerror=alert(1)>
<math href="javascript:alert(1)">x</math>
<iframe src="javascript:alert(1)"></iframe>
<iframe srcdoc="<script>alert(1)</script>"></iframe>
<object data="data:text/html,<script>alert(1)</script>"></object>
<embed src="//evil.example/x.swf">
<link rel=stylesheet href="//evil.example/x.css">
<style>@import "//evil.example/x.css";</style>
<div style="background:url(//evil.example/x)">x</div>
<base href="//evil.example/">
<form action="//evil.example"><input name=q></form>
<meta http-equiv=refresh content="0;url=//evil.example">
"><script>alert(1)</script>
' onmouseover='alert(1)
--><script>alert(1)</script><!--
</title><script>alert(1)</script>
<details open ontoggle=alert(1)>x</details>
<video><source onerror=alert(1)></video>""".splitlines()

# Where on a page the attack stands: text, a heading, a cell, a molecule, a formula, a file name, a link.
PLACES = [
    "{}",
    "\\section*{{{}}}",
    "\\begin{{tabular}}{{ll}}\\hline a & {} \\\\ \\hline\\end{{tabular}}",
    "<smiles>{}</smiles>",
    "\\[ x \\text{{{}}} \\]",
    "\\( \\href{{{}}}{{x}} \\style{{{}}}{{y}} \\)",
    "\\includegraphics{{{}}}",
    "![{}]({})",
    "```{}\n{}\n```",
    "\\author{{{}}}\\footnotetext[{}]{{x}}",
    "\\begin{{thebibliography}}{{9}}\\bibitem[{}]{{{}}} x\\end{{thebibliography}}",
    "\\href{{{}}}{{{}}}",
    "\\begin{{verbatim}}{}\\end{{verbatim}}",
    "**kern\n!! {}\n4c\n*-",
    '{{"title": "{}", "values": {{"{}": 1}}}}',
]
DRAWINGS = [
    "<smiles>CCO {}</smiles>",
    "**kern\n*clefG2\n4c\n!!LO:TX:t={}\n*-",
    '{{"title": "{}", "values": {{"{}": 1, "b": 2}}}}',
    "\\begin{{tikzpicture}}\\draw (0,0) -- (1,1) node {{{}}};\\end{{tikzpicture}}",
]
ADDRESSES = [
    r"\href{javascript:alert(1)}{x}",
    r"\href{JaVaScRiPt:alert(1)}{x}",
    r"\href{data:text/html,<script>alert(1)</script>}{x}",
    r"\href{vbscript:msgbox(1)}{x}",
    r"\url{javascript:alert(1)//https://ok.example}",
    r"\href{//evil.example}{x}",
    r"\( \href{javascript:alert(1)}{x} \)",
    r"\( \require{html} \href{javascript:alert(1)}{x} \class{a}{b} \)",
]
PAYLOADS = [place.format(*[attack] * 2) for attack, place in product(ATTACKS, PLACES)] + ADDRESSES

LOADING = {"src", "srcset", "srcdoc", "data", "action", "formaction", "background", "poster", "xlink:href", "style"}
FORBIDDEN = {"script", "iframe", "object", "embed", "base", "form", "svg", "video", "audio", "source"}


class Inspector(HTMLParser):
    """Tags, attributes and addresses on which a browser would act."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in FORBIDDEN:
            self.found.append(tag)
        for name, value in attrs:
            address = (value or "").strip().lower()
            if name.startswith("on") or (name in LOADING and not address.startswith("data:image/")):
                self.found.append(f"{tag} {name}={value}")
            if name == "href" and not address.startswith(("http://", "https://", "mailto:", "#")):
                self.found.append(f"{tag} {name}={value}")


def inspect(html: str) -> list[str]:
    body = html.partition("<body")[2]
    inspector = Inspector()
    inspector.feed("<body" + body)
    return inspector.found + [tag for tag in ("style", "link", "meta") if f"<{tag}" in body]


def test_there_are_a_hundred_payloads() -> None:
    assert len(set(PAYLOADS)) >= 100


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_attack_survives_as_the_name_of_a_file_or_as_its_picture(attack: str) -> None:
    html = to_html(parse("text"), title=attack, page_image=attack.encode())
    assert inspect(html) == []
    assert html.partition("<body")[0].count("<") == to_html([]).partition("<body")[0].count("<")


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_attack_survives_anywhere_on_a_page(attack: str) -> None:
    for place in PLACES:
        assert inspect(to_html(parse(place.format(attack, attack)), title=attack, pictures=False)) == []


@pytest.mark.parametrize("drawing", DRAWINGS)
def test_no_attack_survives_in_a_drawing(drawing: str) -> None:
    pages = [to_html(parse(drawing.format(attack, attack))) for attack in ATTACKS]
    assert [inspect(page) for page in pages] == [[]] * len(ATTACKS)
    assert any("data:image/svg+xml" in page for page in pages)


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_address_of_a_script_survives(address: str) -> None:
    html = to_html(parse(address))
    assert inspect(html) == []


def test_the_page_forbids_what_it_does_not_need() -> None:
    assert "default-src 'none'" in to_html([])


def test_a_page_image_stands_beside_the_reading() -> None:
    html = to_html(parse("text"), page_image=b"\x89PNG...")
    assert '<img alt="page" src="data:image/png;base64,' in html
    assert inspect(html) == []


def test_formulas_are_mathml_and_what_cannot_be_is_shown_as_source() -> None:
    assert "<mfrac>" in to_html(parse(r"\( \frac{a}{b} \)"))
    assert "<code>" in to_html(parse("\\( " + "x^" * 500 + "x \\)"))
