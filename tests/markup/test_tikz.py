"""TikZ figures: what is drawn is right, and what is not understood is left out and counted."""

import math
import re
from collections.abc import Callable

import pytest

from got_runtime.markup import parse, to_html
from got_runtime.markup.notation import tikz
from got_runtime.markup.notation.tikz.numbers import Point


def draw(body: str) -> tikz.Figure:
    return tikz.draw("\\begin{tikzpicture}" + body + "\\end{tikzpicture}")


def corners(body: str) -> list[tuple[float, float]]:
    """The points of the first line of a figure in TikZ centimetres."""
    svg = draw(body).svg
    assert svg is not None
    found = re.search('polyline points="([^"]*)"', svg)
    assert found is not None
    pairs = (each.split(",") for each in found[1].split())
    return [(round(float(x) / 40, 2), round(-float(y) / 40, 2)) for x, y in pairs]


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (r"\draw (1,2) -- ($(0,0)!0.5!(4,2)$);", [(1, 2), (2, 1)]),
        (r"\coordinate (A) at (1,1); \draw (A) -- ($(A)+(1,0)$);", [(1, 1), (2, 1)]),
        (r"\coordinate (A) at (0,0); \coordinate (B) at (4,0); \draw (1,3) -- ($(A)!(1,3)!(B)$);", [(1, 3), (1, 0)]),
        (r"\draw (0,0) -- ({2*cos(60)},{sqrt(4)});", [(0, 0), (1, 2)]),
        (r"\draw (0,0) -- ++(1,0) -- ++(0,1) -- cycle;", [(0, 0), (1, 0), (1, 1), (0, 0)]),
        ("% (0,0) -- (9,9);\n\\draw (0,0) -- % to the right\n (1,0);", [(0, 0), (1, 0)]),
        (r"\def\r{2} \draw (0,0) -- (90:\r);", [(0, 0), (0, 2)]),
        (r"\begin{scope}[shift={(1,1)}] \draw (0,0) -- (1,0); \end{scope}", [(1, 1), (2, 1)]),
        (r"\draw[rotate=90] (0,0) -- (1,0);", [(0, 0), (0, 1)]),
        (r"\foreach \x in {3} \draw (\x,0) -- (\x,1);", [(3, 0), (3, 1)]),
        (r"\draw (0,0) |- (2,1);", [(0, 0), (0, 1), (2, 1)]),
        (r"\draw (1,0) \foreach \a in {90,180} { -- (\a:1) } -- cycle;", [(1, 0), (0, 1), (-1, 0), (1, 0)]),
        (r"\draw (0,0) -- ({cosh(0)},{2*sinh(0)});", [(0, 0), (1, 0)]),
    ],
)
def test_points_are_where_tikz_has_them(statements: str, expected: list[tuple[float, float]]) -> None:
    assert corners(statements) == expected


@pytest.mark.parametrize(
    ("curve", "middle", "end"),
    [
        ("to[bend left=90] (4,0)", (2.0, 1.18), (4.0, 0.0)),
        ("to[bend right=90] (4,0)", (2.0, -1.18), (4.0, 0.0)),
        ("to[out=90,in=180] (2,2)", (0.58, 1.42), (2.0, 2.0)),
    ],
)
def test_a_curve_leaves_and_arrives_at_its_angles(
    curve: str, middle: tuple[float, float], end: tuple[float, float]
) -> None:
    places = corners(rf"\draw (0,0) {curve};")
    assert (places[0], places[12], places[-1]) == ((0.0, 0.0), middle, end)


@pytest.mark.parametrize(
    "statement",
    [
        r"\draw (unknown) -- (1,1);",
        r"\draw (0,0) -- (1,",
        r"\node at ($(A)!0.5$) {$x$};",
        r"\draw (0,0) to[loop above] (2,0);",
        r"\draw[unknown style] (0,0) -- (1,1);",
        r"\unknown{1}{2};",
        r"\node[draw, shape=cloud] at (1,1) {text};",
        r"\draw[decorate, decoration={text along path, text={a}}] (0,0) -- (1,1);",
        r"\tkzDrawUnknown(A,B)",
        r"\draw[>-] (0,0) -- (1,1);",
        r"\path[name intersections={of=a and b, by=C}];",
        r"\draw plot[const plot] coordinates {(0,0) (1,1)};",
        r"\begin{axis}[xmode=log, log basis x=2] \addplot {x}; \end{axis}",
        r"\foreach \x in {1,...,100000} \draw (\x,0) -- (0,0);",
        r"\draw (0,0) -- (9^9^9^9^9,1);",
    ],
)
def test_a_statement_that_is_not_understood_is_left_out_and_counted(statement: str) -> None:
    figure = draw(r"\draw (5,5) -- (6,6); " + statement)
    assert figure.svg is not None
    assert (figure.drawn, figure.statements) == (1, 2)
    assert figure.svg == draw(r"\draw (5,5) -- (6,6);").svg


def test_a_partly_drawn_figure_says_so_beside_its_source() -> None:
    html = to_html(parse(r"\begin{tikzpicture}\draw (0,0) -- (1,1); \draw (q) -- (1,1);\end{tikzpicture}"))
    assert "drawn are 1 of 2 statements" in html
    assert '<details open="">' in html


def test_functions_are_drawn_in_axes() -> None:
    figure = draw(r"\begin{axis}[axis lines=middle, xlabel=$x$] \addplot[domain=-2:2]{x^2}; \addplot{q(x)}; \end{axis}")
    assert figure.svg is not None
    assert (figure.drawn, figure.statements) == (1, 2)
    assert ">4</text>" in figure.svg
    assert ">x</text>" in figure.svg


def test_labels_are_plain_characters() -> None:
    svg = draw(r"\draw (0,0) node[left]{$\alpha_1$} -- node[above]{$60^\circ$} (2,0);").svg
    assert svg is not None
    assert '>α<tspan dy="0.357em" font-size="70%">1</tspan></text>' in svg
    assert ">60°</text>" in svg


def test_angles_are_drawn() -> None:
    figure = draw(
        r"\coordinate (A) at (2,0); \coordinate (B) at (0,0); \coordinate (C) at (0,2);"
        r'\draw (A) -- (B) -- (C); \pic[draw, "$90^\circ$"] {right angle=A--B--C};'
    )
    assert figure.svg is not None
    assert figure.drawn == figure.statements == 5
    assert "90°" in figure.svg


@pytest.mark.parametrize(
    "piece", ["(", "\\draw ", "\\begin{scope}", "\\draw (0,0) node", "{", "\\foreach \\x in {1,2}"]
)
def test_endless_figures_end(piece: str) -> None:
    assert draw(piece * 3000).svg is None


def test_lines_end_at_the_borders_of_nodes() -> None:
    (left, _), (right, _) = corners(r"\node (A) at (0,0) {$A$}; \node (B) at (3,0) {$B$}; \draw (A) -- (B);")
    assert 0.1 < left < 0.5
    assert 2.5 < right < 2.9


def test_a_clip_cuts_what_follows_in_its_scope() -> None:
    body = r"\begin{scope}\clip (0,0) circle (1); \fill (5,0) circle (9);\end{scope} \draw (0,0) -- (1,0);"
    figure = draw(body)
    assert figure.svg is not None
    assert (figure.drawn, figure.statements) == (3, 3)
    _, _, width, height = map(float, re.search('viewBox="([^"]*)"', figure.svg)[1].split())  # type: ignore[index]
    assert width < 110 > height
    assert figure.svg.index("<g clip-path") < figure.svg.index('r="360.0"') < figure.svg.index("</g>")


def test_what_a_clip_that_is_not_understood_would_cut_is_not_drawn() -> None:
    figure = draw(r"\draw (0,0) -- (1,0); \begin{scope}\clip (0,0) blob (1); \fill (1,0) circle (1);\end{scope}")
    assert figure.svg is not None
    assert (figure.drawn, figure.statements) == (1, 3)
    assert "<circle" not in figure.svg


def test_marks_of_an_axis_have_the_labels_that_are_given() -> None:
    axis = r"xmin=0, xmax=4, xtick={0,3.14}, xticklabels={$0$,$\pi$}"
    svg = draw(r"\begin{axis}[" + axis + r"] \addplot{x}; \end{axis}").svg
    assert svg is not None
    assert ">π</text>" in svg
    assert "3.14" not in svg


def test_what_follows_an_exponent_is_on_the_line_again() -> None:
    svg = draw(r"\node at (0,0) {$a^2+b_1$};").svg
    assert svg is not None
    assert 'a<tspan dy="-0.536em" font-size="70%">2</tspan><tspan dy="0.375em">+b</tspan><tspan dy="0.357em"' in svg


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        (r"\fill[gray!30] (0,0) circle (1);", 'fill="#d9d9d9" stroke="none"'),
        (r"\fill[red] (0,0) -- (1,0) -- (0,1) -- cycle;", 'fill="#ff0000" stroke="none"'),
        (r"\draw[fill=blue, red] (0,0) circle (1);", 'fill="#0000ff" stroke="#ff0000"'),
        (r"\path[draw, red] (0,0) circle (1);", 'fill="none" stroke="#ff0000"'),
        (r"\begin{scope}[red] \fill (0,0) circle (1); \end{scope}", 'fill="#ff0000" stroke="none"'),
        (r"\draw[dotted] (0,0) -- (1,0);", 'stroke-dasharray="1.5 4"'),
    ],
)
def test_a_colour_is_that_of_what_the_command_draws(statement: str, shown: str) -> None:
    assert shown in (draw(statement).svg or "")


def test_a_smooth_plot_is_a_curve_with_its_marks() -> None:
    body = r"plot[smooth, mark=*] coordinates {(0,0) (1,1) (2,0)};"
    assert len(corners(rf"\draw {body}")) == 49
    assert (draw(rf"\draw {body}").svg or "").count("<circle") == 3


def test_bars_and_arrows_end_a_measure() -> None:
    svg = draw(r"\draw[|<->|] (0,0) -- (4,0);").svg or ""
    assert (svg.count("<polyline"), svg.count("<polygon")) == (3, 2)


def test_a_long_label_is_inside_the_picture() -> None:
    svg = draw(r"\draw (0,0) -- (1,0) node[right] {$y=\frac{1}{2}x+1 and more$};").svg or ""
    left, _, width, _ = map(float, re.search('viewBox="([^"]*)"', svg)[1].split())  # type: ignore[index]
    assert left + width > 40 + 8 + 8 * len("y=1/2x+1 and more")


def test_a_loop_counts_and_evaluates() -> None:
    body = r"\foreach \x [count=\i from 0, evaluate=\x as \y using {\x*\x}] in {3} \draw (\i,\x) -- (\x,\y);"
    assert corners(body) == [(0, 3), (3, 9)]


@pytest.mark.parametrize(
    ("plot", "expected"),
    [
        (r"[domain=0:6] plot (\x,{sin(\x r)})", lambda t: (t, math.sin(t))),
        (r"[domain=0:6] plot (\x,{2*cos(2*\x r)})", lambda t: (t, 2 * math.cos(2 * t))),
        (r"[domain=0:6] plot (\x,{sin((\x+pi) r)})", lambda t: (t, math.sin(t + math.pi))),
        (r"[domain=0:6] plot (\x,{sin((2*(\x+1)) r)})", lambda t: (t, math.sin(2 * (t + 1)))),
        (r"[domain=0:6] plot (\x,{cos(sqrt(\x) r)})", lambda t: (t, math.cos(math.sqrt(t)))),
        (r"[domain=0:6,variable=\t] plot ({cos(\t r)},{sin(\t r)})", lambda t: (math.cos(t), math.sin(t))),
    ],
)
def test_a_plot_in_radians_is_drawn(plot: str, expected: Callable[[float], Point]) -> None:
    drawn = corners(rf"\draw{plot};")
    step = 6 / (len(drawn) - 1)
    assert all(found == pytest.approx(expected(number * step), abs=0.01) for number, found in enumerate(drawn))
