"""Scripts in an answer: none runs where a viewer of Markdown allows HTML and knows no formulas.

GOT_ATTACK_EXAMPLES is the number of random contents.
"""

import os
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from got_runtime.markup import MarkdownOptions, parse, to_markdown
from got_runtime.markup import elements as e
from got_runtime.markup.content import Break, Cell, Content, Grid, Inline, Link, Math, Nested, Note, Smiles, Text

EXAMPLES = int(os.environ.get("GOT_ATTACK_EXAMPLES", "300"))

TAGS = frozenset(
    {
        *("a", "blockquote", "br", "code", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s"),
        *("strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul"),
    }
)
ATTRIBUTES = {("a", "href"), ("code", "class"), ("ol", "start"), ("td", "style"), ("th", "style")}

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<img src=x onerror=alert(1)//",
    "<svg/onload=alert(1)>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "</code><script>alert(1)</script>",
    "</p><iframe src=javascript:alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<body onload=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<![CDATA[<img src=x onerror=alert(1)>]]>",
    "<?xml-stylesheet href=javascript:alert(1)?>",
    "<x onclick=alert(1)>x",
    "<javascript:alert(1)>",
    "[x](javascript:alert(1))",
    "![x](javascript:alert(1))",
    "![x](http://evil.example/a.png)",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](<javascript:alert(1)>)",
    "[x][y]\n\n[y]: javascript:alert(1)",
    "[y]: javascript:alert(1)",
    "` <img src=x onerror=alert(1)> `",
    "``` \n<img src=x onerror=alert(1)>",
    "~~~\n<script>alert(1)</script>",
    "\n\n<script>alert(1)</script>\n\n",
    "\\<img src=x onerror=alert(1)>",
    "\\\\<img src=x onerror=alert(1)>",
    "$<img src=x onerror=alert(1)>$",
    "$$<img src=x onerror=alert(1)>$$",
    "&lt;img src=x onerror=alert(1)&gt;",
    "&#60;img src=x onerror=alert(1)&#62;",
    "\\href{javascript:alert(1)}{x}",
    "\\url{javascript:alert(1)}",
    "\\style{background:url(http://evil.example)}{x}",
    "\\text{<img src=x onerror=alert(1)>}",
    "x\\tag{<img src=x onerror=alert(1)>}",
    "| a |\n| --- |\n| <img src=x onerror=alert(1)> |",
]
FRAMES = {
    "text": "@",
    "formula": "Where \\( a @ b \\) holds",
    "dollars": "$a @ b$",
    "display": "\\[ @ \\]",
    "number": "\\[ x \\tag{@} \\]",
    "aligned": "\\begin{align} a & @ \\\\ @ & b \\end{align}",
    "formula and code": "\\( ` @ \\) \\texttt{@}",
    "heading": "\\section*{ @ }",
    "bold": "\\textbf{a @}@",
    "underline": "\\underline{<}img src=x onerror=alert(1)> \\underline{[x]}(javascript:alert(1)) @",
    "link": "\\href{http://a.example/@}{ @ }",
    "address": "\\url{http://a.example/@}",
    "cell": "\\begin{tabular}{ll} \\( @ \\) & @ \\\\ \\texttt{@} & b \\end{tabular}",
    "item": "\\begin{itemize}\\item[@] a @ \\end{itemize}",
    "footnote": "a\\footnote{ @ } \\footnotetext{ @ }",
    "caption": "\\begin{table}\\caption{ @ }\\begin{tabular}{l} a \\end{tabular}\\end{table}",
    "picture": "![@](@)",
    "code": "\\begin{verbatim}\n@\n\\end{verbatim}",
    "fence": "```@\n@\n```",
    "molecule": "<smiles>@</smiles>",
    "drawing": "\\begin{tikzpicture} @ \\end{tikzpicture}",
    "score": "**kern\n!@\n*-\n",
    "chart": "{'title': '@', 'values': {'a @': 1}}",
    "abstract": "\\begin{abstract} @ \\end{abstract}",
}


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            self.wrong.append(tag)
        for name, value in attrs:
            if (tag, name) not in ATTRIBUTES:
                self.wrong.append(f"{tag} {name}")
            elif name == "href" and not (value or "").startswith(("http://", "https://", "mailto:", "#")):
                self.wrong.append(f"{tag} {name}={value}")

    def handle_comment(self, data: str) -> None:
        self.wrong.append(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        self.wrong.append(f"<!{decl}>")

    def handle_pi(self, data: str) -> None:
        self.wrong.append(f"<?{data}>")


VIEWER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def active(markdown: str) -> list[str]:
    """What a viewer shows that we never write: tags, attributes, addresses."""
    tags = _Tags()
    tags.feed(VIEWER.render(markdown))
    tags.close()
    return tags.wrong


@pytest.mark.parametrize("math", ["dollar", "bracket"])
@pytest.mark.parametrize("frame", list(FRAMES.values()), ids=list(FRAMES))
def test_no_attack_runs(frame: str, math: str) -> None:
    for attack in ATTACKS:
        for text in (attack, attack * 2, attack.replace("alert(1)", "alert`1`"), attack.upper()):
            markdown = to_markdown(parse(frame.replace("@", text)), MarkdownOptions(math=math))  # type: ignore[arg-type]
            assert not active(markdown), markdown


def test_commands_that_open_addresses_are_left_out_of_formulas() -> None:
    formula = e.Formula(span=(0, 1), latex=r"a \\href b \href{javascript:alert(1)}{c} \href{https://a.example/b}{d}")
    assert to_markdown([formula]) == "$$a \\\\href b  {c} \\href{https://a.example/b}{d}$$\n"


PARTS = [
    *("<", ">", "img src=x onerror=alert(1)", "/", "!", "?", "`", "``", "[", "]", "(", ")", "x](", ":", "![", "*", "_"),
    *(
        "javascript:alert(1)",
        "\\",
        "$",
        "&",
        "lt;",
        "#60;",
        " ",
        "|",
        "a",
        "script>",
        "!--",
        "-->",
        "\n",
        "~~",
        "http://a",
    ),
]
texts = st.lists(st.sampled_from(PARTS), min_size=1, max_size=5).map("".join)
marks = st.sampled_from(
    [(), ("bold",), ("italic",), ("underline",), ("code",), ("strike",), ("superscript", "underline")]
)
pieces: st.SearchStrategy[Inline] = st.one_of(
    st.builds(lambda text, its: Text(text=text, marks=its), texts, marks),
    st.builds(lambda text: Math(latex=text), texts),
    st.builds(lambda text: Smiles(smiles=text), texts),
    st.builds(lambda text, url: Link(text=text, url=url), texts, texts),
    st.builds(lambda text, url: Link(text=text, url=f"http://{url}"), texts, texts),
    st.builds(lambda text: Note(text=text), texts),
    st.just(Break()),
    st.builds(
        lambda text: Nested(grid=Grid(rows=1, columns=1, cells=(Cell(row=0, column=0, content=(Text(text=text),)),))),
        texts,
    ),
)
contents: st.SearchStrategy[Content] = st.lists(pieces, max_size=6).map(tuple)


@settings(max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES <= 300, suppress_health_check=list(HealthCheck))
@given(contents, contents)
@example((Text(text="<", marks=("underline",)), Text(text="img src=x onerror=alert(1)>")), ())
@example((Text(text="<"), Smiles(smiles="\n!["), Link(text="`", url="http://<")), ())
@example((Math(latex="`"), Smiles(smiles="<img src=x>")), ())
@example((), (Text(text="\n<img src=x onerror=alert(1)", marks=("superscript",)),))
@example((Text(text="[x]", marks=("underline",)), Text(text="(javascript:alert(1))", marks=("underline",))), ())
def test_no_combination_of_pieces_runs(one: Content, two: Content) -> None:
    cells = (Cell(row=0, column=0, content=one), Cell(row=0, column=1, content=two), Cell(row=1, column=0, content=two))
    table = Grid(rows=2, columns=2, cells=cells, alignment=("left", "left"))
    for element in (
        e.Paragraph(span=(0, 1), content=(*one, *two)),
        e.Heading(span=(0, 1), level=2, content=one),
        e.ListItem(span=(0, 1), label="".join(each.text for each in two if each.kind == "text"), content=one),
        e.Reference(span=(0, 1), key="".join(each.text for each in two if each.kind == "text"), content=one),
        e.Table(span=(0, 1), grid=table),
    ):
        markdown = to_markdown([element])
        assert not active(markdown), markdown
