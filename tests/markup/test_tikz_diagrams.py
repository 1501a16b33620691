"""Diagrams in TikZ: logarithmic and symbolic axes, matrices, nodes around others, tangents, printed values."""

import re
from itertools import pairwise

import pytest

from got_runtime.markup import parse
from got_runtime.markup.elements import Geometry
from got_runtime.markup.notation import tikz

Points = list[tuple[float, float]]


def svg(body: str) -> str:
    """The drawing of a figure that is wholly understood."""
    figure = tikz.draw("\\begin{tikzpicture}" + body + "\\end{tikzpicture}")
    assert figure.drawn == figure.statements, body
    assert figure.svg is not None
    return figure.svg


def lines(drawn: str) -> list[Points]:
    """The lines of a drawing in centimetres."""
    return [
        [(round(float(x) / 40, 2), round(-float(y) / 40, 2)) for x, y in (each.split(",") for each in points.split())]
        for points in re.findall('poly(?:line|gon) points="([^"]*)"', drawn)
    ]


def words(drawn: str) -> list[str]:
    return ["".join(re.findall(">([^<>]+)", each)) for each in re.findall("(<text.*?)</text>", drawn)]


def steps(places: Points, axis: int) -> list[float]:
    return [round(b[axis] - a[axis], 1) for a, b in pairwise(places)]


@pytest.mark.parametrize(
    ("axis", "spaced"),
    [
        (r"\begin{axis}[xmode=log] \addplot[black] coordinates {(1,1) (10,2) (100,3)}; \end{axis}", 0),
        (r"\begin{axis}[ymode=log] \addplot[black] coordinates {(1,1) (2,10) (3,100)}; \end{axis}", 1),
        (r"\begin{semilogyaxis} \addplot[black] table {1 1 \\ 2 10 \\ 3 100 \\}; \end{semilogyaxis}", 1),
        (r"\begin{loglogaxis} \addplot[black] coordinates {(1,2) (10,20) (100,200)}; \end{loglogaxis}", 1),
    ],
)
def test_equal_factors_are_equal_distances_on_a_logarithmic_axis(axis: str, spaced: int) -> None:
    drawn = svg(axis)
    first, second = steps(lines(drawn)[-1], spaced)
    assert first == second > 1
    assert "102" in words(drawn)  # 10²


def test_functions_of_a_logarithmic_axis() -> None:
    curve = lines(svg(r"\begin{semilogxaxis}[domain=0.01:100] \addplot[black] {ln(x)}; \end{semilogxaxis}"))[-1]
    assert len({*steps(curve[::20], 1)}) == 1
    drawn = svg(r"\begin{axis}[ymode=log, log ticks with fixed point] \addplot[domain=0:3] {10^x}; \end{axis}")
    assert {"1", "10", "100", "1000"} < {*words(drawn)}


def test_what_a_logarithmic_axis_cannot_show_is_counted() -> None:
    for other in (r"\addplot {-x^2};", r"\draw (1,1) -- (2,2);", r"\addplot[ybar] coordinates {(1,1)};"):
        body = rf"\begin{{axis}}[ymode=log] \addplot coordinates {{(1,1) (2,100)}}; {other} \end{{axis}}"
        figure = tikz.draw(rf"\begin{{tikzpicture}}{body}\end{{tikzpicture}}")
        assert (figure.drawn, figure.statements) == (1, 2)


def test_symbolic_coordinates_of_the_upright_axis() -> None:
    drawn = svg(
        r"\begin{axis}[xbar, symbolic y coords={low,mid,high}, ytick=data]"
        r"\addplot coordinates {(3,low) (9,high) (5,mid)}; \end{axis}"
    )
    assert {"low", "mid", "high"} < {*words(drawn)}
    widths = [max(x for x, _ in bar) - min(x for x, _ in bar) for bar in lines(drawn) if len(bar) == 5][-3:]
    assert [width / widths[0] for width in widths] == pytest.approx([1, 3, 5 / 3], rel=0.02)


def test_a_matrix_is_set_in_rows_and_columns() -> None:
    drawn = svg(
        r"\matrix (m) [matrix of math nodes, row sep=1cm, column sep={2cm,between origins}] at (1,0)"
        r"{ A & B \\ & |[draw]| D \\ }; \draw (m-1-1.center) -- (m-1-2.center) -- (m-2-2.center);"
    )
    corner = lines(drawn)[-1]
    assert words(drawn) == ["A", "B", "D"]
    assert corner[0][1] == corner[1][1] > 0 > corner[2][1]
    assert (corner[0][0], corner[1][0], corner[2][0]) == (0.0, 2.0, 2.0)


def test_a_node_fits_around_others() -> None:
    drawn = svg(
        r"\node[draw,minimum size=1cm] (a) at (0,0) {}; \coordinate (b) at (3,2);"
        r"\node[draw,inner sep=5mm,fit=(a) (b)] {};"
    )
    assert {(-1.0, -1.0), (3.5, 2.5)} < {*lines(drawn)[-1]}


def test_corners_and_anchors_of_a_regular_polygon_are_those_of_pgf() -> None:
    node = r"\node[regular polygon, regular polygon sides=%d, minimum size=4cm] (p) at (0,0) {};"
    for sides, anchor, place in (
        (6, "corner 1", (1, 1.73)),
        (6, "corner 2", (-1, 1.73)),
        (6, "north", (0, 1.73)),
        (6, "east", (2, 0)),
        (4, "corner 1", (1.41, 1.41)),
        (4, "east", (1.41, 0)),
        (5, "corner 1", (0, 2)),
        (5, "south", (0, -1.62)),
    ):
        drawn = lines(svg(node % sides + rf"\draw (0,0) -- (p.{anchor});"))[-1]
        assert drawn[-1] == pytest.approx(place, abs=0.03), (sides, anchor)


def test_a_loop_counts_with_its_options_in_front() -> None:
    drawn = lines(svg(r"\foreach [count=\i from 0] \h in {2,3} { \draw (\i,0) -- (\i,\h); }"))
    assert drawn == [[(0.0, 0.0), (0.0, 2.0)], [(1.0, 0.0), (1.0, 3.0)]]


def test_type_has_the_size_that_is_asked_for_and_its_node_with_it() -> None:
    drawn = svg(
        r"\node[font=\tiny] at (0,0) {a}; \node at (1,0) {\Large b}; \node at (2,0) {c {\tiny d}};"
        r"\node[scale=0.5, font=\bfseries\small] at (3,0) {{\normalsize $e_1$}};"
    )
    assert re.findall(r'<text[^>]*?(?:font-size="([\d.]+)")?>', drawn) == ["8", "23", "", "8"]
    wide, narrow = (lines(svg(rf"\node[draw,inner sep=0pt] {{{size} word}};"))[0] for size in ("", r"\tiny"))
    assert narrow[1][0] == pytest.approx(wide[1][0] / 2, abs=0.01)


def test_a_loop_over_points_takes_them_out_of_their_braces() -> None:
    drawn = svg(r"\foreach \p/\n in {{(2,3)}/A, {(-4,1)}/B} { \draw (0,0) -- \p node {$\n$}; }")
    assert lines(drawn) == [[(0.0, 0.0), (2.0, 3.0)], [(0.0, 0.0), (-4.0, 1.0)]]
    assert words(drawn) == ["A", "B"]


def test_a_loop_that_is_not_understood_ends_where_it_ends() -> None:
    loop = r"\foreach \x [unknown=\y] in {1,2} { \draw (0,0) -- (\x,0); }"
    figure = tikz.draw(
        rf"\begin{{tikzpicture}}{loop}\begin{{scope}}[yshift=-2cm]\draw (1,0) -- (2,0);\end{{scope}}\end{{tikzpicture}}"
    )
    assert figure.svg is not None
    assert (figure.drawn, figure.statements, lines(figure.svg)) == (1, 2, [[(1.0, -2.0), (2.0, -2.0)]])


def test_tangents_touch_their_circle_on_the_side_that_is_asked_for() -> None:
    circle = r"\node[circle,draw,minimum size=6cm] (c) at (0,0) {}; \coordinate (P) at (5,0);"
    for solution, y in ((1, 2.4), (2, -2.4)):
        body = rf"\draw (0,0) -- (tangent cs:node=c,point={{(P)}},solution={solution}) -- (P);"
        assert lines(svg(circle + body))[-1] == [(0.0, 0.0), (1.8, y), (5.0, 0.0)]
    corner = r"\draw (P) -- (perpendicular cs:vertical line through={(P)},horizontal line through={(1,2)});"
    assert lines(svg(circle + corner))[-1] == [(5.0, 0.0), (5.0, 2.0)]


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (r"\pgfmathsetmacro{\c}{sqrt(9+16)} \node at (0,0) {\c};", ["5.0"]),
        (r"\pgfmathsetmacro{\c}{10/3} \node at (0,0) {\c};", ["3.33333"]),
        (r"\pgfmathsetmacro{\c}{int(7/2)} \node at (0,0) {\c};", ["3"]),
        (r"\foreach \x [evaluate=\x as \y using int(\x^2)] in {1,2} {\node at (\x,0) {\y};}", ["1", "4"]),
    ],
)
def test_values_are_printed_as_tex_prints_them(body: str, shown: list[str]) -> None:
    assert words(svg(body)) == shown


def test_maps_and_shapes_with_numbers_of_their_own() -> None:
    assert lines(svg(r"\draw[cm={1,0,.5,1,(4,1)}] (0,0) -- (2,2);"))[-1] == [(4.0, 1.0), (7.0, 3.0)]
    diamond = lines(svg(r"\node[draw,diamond,aspect=2] at (0,0) {A};"))[-1]
    assert diamond[0][0] > 1.5 * diamond[1][1]
    assert lines(svg(r"\node (a) at (1,2) {A}; \node (b) at (5,0) {B}; \draw (0,0) -- (a.center|-b.center);"))[-1] == [
        (0.0, 0.0),
        (1.0, 0.0),
    ]


def test_points_that_are_named_along_a_path() -> None:
    path = r"\path (0,0) coordinate (A) ++(-90:2) coordinate (B) (4,0) coordinate (C) ($(B)!1/2!(C)$) coordinate (M);"
    assert lines(svg(path + r"\draw (A) -- (M);"))[-1] == [(0.0, 0.0), (2.0, -1.0)]
    assert lines(svg(r"\draw (0,0) coordinate (O) (-3,0) coordinate (A) -- (O);"))[-1] == [(-3.0, 0.0), (0.0, 0.0)]
    assert "<circle" in svg(r"\draw circle (1);")


def test_cells_without_text_have_nodes_where_they_are_asked_for() -> None:
    body = r"\matrix [matrix of nodes, nodes in empty cells, nodes={draw,minimum size=1cm}] { 1 & \\ & 2 \\ };"
    assert len(lines(svg(body))) == 4
    assert len(lines(svg(body.replace("nodes in empty cells,", "")))) == 2


def test_triangles_in_a_triangle() -> None:
    start = r"\tkzDefPoints{0/0/A,6/0/B,0/6/C}"
    for kind, corner in (("medial", (3.0, 3.0)), ("orthic", (3.0, 3.0)), ("in", (3.0, 3.0)), ("intouch", (3.0, 3.0))):
        names = rf"\tkzDefSpcTriangle[{kind},name=M](A,B,C){{_A,_B,_C}} \draw (A) -- (M_A) -- (M_B);"
        assert lines(svg(start + names))[-1][1] == corner
    medial = rf"{start}\tkzDefSpcTriangle[medial](A,B,C){{P,Q,R}} \draw (P) -- (Q) -- (R);"
    assert lines(svg(medial))[-1] == [(3.0, 3.0), (0.0, 3.0), (3.0, 0.0)]


def test_a_sign_over_a_letter_with_an_index() -> None:
    assert words(svg(r"\node at (0,0) {$\vec{F_1}$};")) == ["F" + chr(0x20D7) + "1"]


def test_a_label_that_draws_is_counted_and_not_printed() -> None:
    figure = tikz.draw(r"\begin{tikzpicture}\draw (0,0) -- (1,1); \node {\ornament[width=1cm]{15}};\end{tikzpicture}")
    assert (figure.drawn, figure.statements) == (1, 2)
    assert words(svg(r"\node at (0,0) {$\left[a=1\right]$};")) == ["[a=1]"]


@pytest.mark.parametrize(
    "plot", [r"\draw plot coordinates {(0,0) (1,", r"\begin{axis}\addplot coordinates {(0,1) (1,2"]
)
def test_a_plot_whose_last_point_is_cut_is_not_counted_as_drawn(plot: str) -> None:
    (figure,) = parse(r"\begin{tikzpicture}\draw (0,0) -- (1,1); " + plot)
    assert isinstance(figure, Geometry)
    drawn = tikz.draw(figure.tikz)
    assert (drawn.drawn, drawn.statements) == (1, 2)
