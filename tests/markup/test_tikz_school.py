"""School geometry in TikZ: constructions, curves, marks, nodes, charts, and the commands of tkz-euclide."""

import math
import re

import pytest

from got_runtime.markup.notation import tikz

Points = list[tuple[float, float]]


def draw(body: str) -> tikz.Figure:
    return tikz.draw("\\begin{tikzpicture}" + body + "\\end{tikzpicture}")


def svg(body: str) -> str:
    """The drawing of a figure that is wholly understood."""
    figure = draw(body)
    assert figure.drawn == figure.statements, body
    assert figure.svg is not None
    return figure.svg


def lines(body: str) -> list[Points]:
    """The lines of a figure in TikZ centimetres."""
    found = re.findall('poly(?:line|gon) points="([^"]*)"', svg(body))
    return [
        [(round(float(x) / 40, 2), round(-float(y) / 40, 2)) for x, y in (each.split(",") for each in points.split())]
        for points in found
    ]


def ends(body: str) -> Points:
    """The first and last point of the last line of a figure."""
    last = lines(body)[-1]
    return [last[0], last[-1]]


CIRCLES = r"\path[name path=a] (0,0) circle (5); \path[name path=b] (6,0) circle (5);"
LINE = r"\path[name path=c] (-9,3) -- (9,3);"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (CIRCLES + r"\draw[name intersections={of=a and b, by={P,Q}}] (P) -- (Q);", [(3, 4), (3, -4)]),
        (
            CIRCLES + LINE + r"\path[name intersections={of=a and c}]; \draw (0,0) -- (intersection-1);",
            [(0, 0), (4, 3)],
        ),
        (CIRCLES + LINE + r"\path[name intersections={of=c and a, name=i}]; \draw (0,0) -- (i-2);", [(0, 0), (-4, 3)]),
        (r"\draw let \p1 = (3,4), \n1 = {veclen(\x1,\y1)} in (0,0) -- (\n1,\y1);", [(0, 0), (5, 4)]),
        (r"\coordinate (A) at (1,1); \draw (0,0) -- ([shift={(90:2)}]A);", [(0, 0), (1, 3)]),
        (r"\draw ([shift=(90:2)]1,1) -- (0,0);", [(1, 3), (0, 0)]),
        (
            r"\coordinate (A) at (0,0); \coordinate (B) at (6,0); \draw (0,0) -- (barycentric cs:A=1,B=2);",
            [(0, 0), (4, 0)],
        ),
        (r"\draw (0,0) +(1,0) -- +(0,2);", [(1, 0), (0, 2)]),
        (r"\path (0,0) -- (4,2) coordinate[midway] (M); \draw (0,0) -- (M);", [(0, 0), (2, 1)]),
        (r"\path (0,0) arc (180:0:2) coordinate[pos=0.5] (M); \draw (0,0) -- (M);", [(0, 0), (2, 2)]),
        (r"\begin{scope}[x={(0,2)},y={(-1,0)}] \draw (0,0) -- (1,1); \end{scope}", [(0, 0), (-1, 2)]),
        (r"\begin{scope}[rotate around={90:(1,0)}] \draw (0,0) -- (1,0); \end{scope}", [(1, -1), (1, 0)]),
        (r"\begin{scope}[declare function={f(\x)=\x^2+1;}] \draw (0,0) -- (2,{f(2)}); \end{scope}", [(0, 0), (2, 5)]),
        (r"\newcommand{\seg}[2]{\draw (#1) -- (#2);} \seg{0,0}{1,2}", [(0, 0), (1, 2)]),
        (r"\draw (0,0) -- (1,{2>1 ? 3 : 4});", [(0, 0), (1, 3)]),
    ],
)
def test_points_that_are_constructed(body: str, expected: Points) -> None:
    assert ends(body) == expected


@pytest.mark.parametrize(
    ("body", "middle", "end"),
    [
        (r"\draw (0,0) parabola (2,4);", (1, 1), (2, 4)),
        (r"\draw (-2,4) parabola bend (0,0) (2,4);", (0, 0), (2, 4)),
        (r"\draw (0,4) parabola[bend at end] (2,0);", (1, 1), (2, 0)),
        (r"\draw (0,0) sin (2,1);", (1, 0.71), (2, 1)),
        (r"\draw (0,0) cos (2,1);", (1, 0.29), (2, 1)),
    ],
)
def test_curves_of_school(body: str, middle: tuple[float, float], end: tuple[float, float]) -> None:
    (line,) = lines(body)
    assert line[len(line) // 2] == middle
    assert line[-1] == end


def test_a_brace_points_to_the_left_of_its_line_or_with_mirror_to_the_right() -> None:
    body = r"\draw[decorate, decoration={brace, amplitude=10pt%s}] (0,0) -- (4,0);"
    (up,), (down,) = lines(body % ""), lines(body % ", mirror")
    assert (up[0], up[-1]) == ((0, 0), (4, 0))
    assert max(up, key=lambda point: point[1]) == (2, 0.35)
    assert min(down, key=lambda point: point[1]) == (2, -0.35)


def test_marks_stand_across_the_line() -> None:
    style = r"decoration={markings, mark=at position 0.5 with {\draw (0,-0.2) -- (0,0.2);}}, postaction={decorate}"
    assert lines(rf"\draw[{style}] (0,0) -- (0,4);")[-1] == [(0.2, 2), (-0.2, 2)]


def test_a_double_line_is_two_lines() -> None:
    assert re.findall('stroke="(.*?)"', svg(r"\draw[double] (0,0) -- (1,0);")) == ["#000000", "#ffffff"]


def test_thick_lines_are_thicker() -> None:
    found = re.findall('stroke-width="(.*?)"', svg(r"\draw[thick] (0,0) -- (1,0); \draw[ultra thick] (0,0) -- (1,0);"))
    assert 1.5 < float(found[1]) < float(found[2])


def test_the_tips_are_on_the_last_line_alone() -> None:
    assert svg(r"\draw[->] (0,0) -- (1,0) (2,0) -- (3,0);").count("<polygon") == 1


@pytest.mark.parametrize(
    ("option", "shapes"),
    [("{Bracket-Parenthesis}", 3), ("*-o", 3), ("-{Latex[length=3mm]}", 2), ("|-|", 3), ("latex-latex", 3), ("<<-", 3)],
)
def test_ends_of_lines(option: str, shapes: int) -> None:
    assert len(re.findall("<(?:poly|circle)", svg(rf"\draw[{option}] (0,0) -- (1,0);"))) == shapes


def test_edges_begin_where_the_path_is() -> None:
    assert lines(r"\path (0,0) edge (1,0) edge (0,1);") == [[(0, 0), (1, 0)], [(0, 0), (0, 1)]]


@pytest.mark.parametrize("shape", ["rectangle", "circle", "ellipse", "diamond"])
def test_a_text_stands_in_its_shape_and_lines_end_at_its_border(shape: str) -> None:
    body = (
        rf"\node[draw, {shape}, minimum size=2cm] (A) at (0,0) {{$x$}}; \draw (A) -- (3,0); \draw (A.north) -- (0,3);"
    )
    assert lines(body)[-2:] == [[(1, 0), (3, 0)], [(0, 1), (0, 3)]]
    assert ">x</text>" in svg(body)


def test_nodes_beside_others() -> None:
    body = r"\tikzset{box/.style={draw, minimum size=1cm}} \node[box] (A) {a}; \node[box, right=2cm of A] (B) {b};"
    assert ends(body + r"\draw (A) -- (B);") == [(0.5, 0), (2.5, 0)]
    body = r"\node[draw] (A) {a}; \node[draw, below of=A] (B) {b}; \draw (A.center) -- (B.center);"
    assert ends(body) == [(0, 0), (0, -1)]


def test_texts_have_their_colour_turn_and_lines() -> None:
    shown = svg(r"\draw (0,0) -- node[sloped, red] {a} (2,2); \node[align=left] at (3,0) {one\\two};")
    assert re.search(r'<text [^>]*fill="#ff0000" transform="rotate\(-45.0 [^>]*>a<', shown)
    assert ">one</text>" in shown
    assert ">two</text>" in shown


def test_a_dot_has_the_colour_of_its_fill() -> None:
    assert 'fill="#ff0000"' in svg(r"\node[circle, fill=red, inner sep=1pt, label=above:$A$] at (1,1) {};")


def test_rounded_corners_are_round() -> None:
    assert len(lines(r"\draw[rounded corners] (0,0) rectangle (2,1);")[0]) > 50


def test_an_angle_is_filled_and_as_large_in_any_scale() -> None:
    body = r"\begin{scope}[scale=%s] \coordinate (A) at (2,0); \coordinate (B) at (0,0); \coordinate (C) at (0,2);"
    body += r"\pic[draw, fill=red, angle radius=1cm] {angle=A--B--C}; \end{scope}"
    assert lines(body % 1) == lines(body % 2)
    assert 'fill="#ff0000"' in svg(body % 1)


def test_hatching_and_shading() -> None:
    assert "<pattern" in svg(r"\fill[pattern=north east lines] (0,0) rectangle (1,1);")
    assert "<radialGradient" in svg(r"\shade[ball color=red] (0,0) circle (1);")


def test_a_tree_grows_with_the_texts_of_its_edges() -> None:
    body = r"\begin{scope}[grow=right, level distance=3cm, sibling distance=2cm] \node (r) {A}"
    body += (
        r" child {node (b) {B} edge from parent node[below] {$p$}} child {node {C}}; \draw (r.center) -- (b.center);"
    )
    assert ends(body + r"\end{scope}") == [(0, 0), (3, -1)]
    assert ">p</text>" in svg(body + r"\end{scope}")


def test_what_was_not_understood_leaves_no_older_point_behind() -> None:
    figure = draw(r"\coordinate (A) at (1,1); \coordinate (A) at (blob); \draw (0,0) -- (A);")
    assert (figure.svg, figure.drawn) == (None, 1)


def test_bars_stand_on_the_axis_over_their_names() -> None:
    axis = r"\begin{axis}[ybar, symbolic x coords={a,b}, xtick=data, nodes near coords] \addplot %s; \end{axis}"
    shown = svg(axis % "coordinates {(a,2) (b,4)}")
    assert all(f">{name}</text>" in shown for name in ("a", "b", "2", "4"))
    bars = [each for each in lines(axis % "coordinates {(a,2) (b,4)}") if len(each) == 5][1:]
    assert [round(max(y for _, y in bar) - min(y for _, y in bar), 1) for bar in bars] == [2.5, 5.0]


def test_a_legend_stays_with_its_curves() -> None:
    plots = (
        r"\addplot[blue] {x}; \addlegendentry{one} \addplot[red] {blob(x)}; \addlegendentry{two} \addplot[red] {-x};"
    )
    figure = draw(r"\begin{axis}" + plots + r"\addlegendentry{three} \end{axis}")
    assert (figure.drawn, figure.statements) == (5, 6)
    assert figure.svg is not None
    assert ">one</text>" in figure.svg
    assert ">two</text>" not in figure.svg


def test_statements_in_an_axis_are_in_its_numbers() -> None:
    axis = r"\begin{axis}[xmin=0, xmax=10, ymin=0, ymax=100, axis lines=none] \addplot[domain=0:10] {10*x};"
    assert ends(axis + r"\draw (axis cs:0,0) -- (axis cs:10,100); \end{axis}") == [(0, 0), (7, 5.5)]
    assert ends(axis + r"\draw (0,0) -- (5,50); \end{axis}") == [(0, 0), (3.5, 2.75)]


def test_the_area_between_curves() -> None:
    plots = r"\addplot[name path=f, domain=0:4] {x}; \path[name path=g] (axis cs:0,0) -- (axis cs:4,0);"
    axis = r"\begin{axis}[xmin=0, xmax=7, ymin=0, ymax=5.5, axis lines=none]" + plots
    (area, *_) = lines(axis + r"\addplot[red] fill between[of=f and g, soft clip={domain=1:2}]; \end{axis}")
    assert (min(x for x, _ in area), max(x for x, _ in area), max(y for _, y in area)) == (1, 2, 2)


TRIANGLE = r"\tkzDefPoints{0/0/A,6/0/B,0/8/C}"


@pytest.mark.parametrize(
    ("commands", "expected"),
    [
        (r"\tkzDefPointBy[projection=onto B--C](A)\tkzGetPoint{P}", (3.84, 2.88)),
        (r"\tkzDefPointBy[rotation=center A angle 90](B)\tkzGetPoint{P}", (0, 6)),
        (r"\tkzDefPointBy[symmetry=center A](B)\tkzGetPoint{P}", (-6, 0)),
        (r"\tkzDefPointBy[reflection=over A--C](B)\tkzGetPoint{P}", (-6, 0)),
        (r"\tkzDefPointBy[translation=from A to B](C)\tkzGetPoint{P}", (6, 8)),
        (r"\tkzDefPointBy[homothety=center A ratio .5](C)\tkzGetPoint{P}", (0, 4)),
        (r"\tkzDefTriangleCenter[circum](A,B,C)\tkzGetPoint{P}", (3, 4)),
        (r"\tkzDefTriangleCenter[in](A,B,C)\tkzGetPoint{P}", (2, 2)),
        (r"\tkzDefTriangleCenter[centroid](A,B,C)\tkzGetPoint{P}", (2, 2.67)),
        (r"\tkzDefMidPoint(B,C)\tkzGetPoint{P}", (3, 4)),
        (r"\tkzDefPointWith[orthogonal](A,B)\tkzGetPoint{P}", (0, 6)),
        (r"\tkzDefLine[parallel=through C](A,B)\tkzGetPoint{P}", (6, 8)),
        (r"\tkzDefLine[perpendicular=through B](A,B)\tkzGetPoint{P}", (6, 6)),
        (r"\tkzDefSquare(A,B)\tkzGetPoints{Q}{P}", (0, 6)),
        (r"\tkzInterLC[R](A,B)(A,2)\tkzGetPoints{Q}{P}", (2, 0)),
        (r"\tkzInterCC[R](A,5)(B,5)\tkzGetFirstPoint{P}", (3, 4)),
        (r"\tkzDefLine[tangent from=B](A,Z)\tkzGetPoints{P}{Q}", (1.5, 2.6)),
        (r"\tkzDefTangent[from=B](A,Z)\tkzGetPoints{P}{Q}", (1.5, 2.6)),
    ],
)
def test_constructions_of_tkz_euclide(commands: str, expected: tuple[float, float]) -> None:
    before = TRIANGLE + r"\tkzDefPoint(3,0){Z}"
    x, y = ends(before + commands + r"\tkzDrawSegment(A,P)")[-1]
    assert (x, y) == pytest.approx(expected, abs=0.011)


def test_tkz_euclide_draws() -> None:
    body = TRIANGLE + r"\tkzDrawPolygon(A,B,C) \tkzDrawCircle[circum](A,B,C) \tkzMarkRightAngle(B,A,C)"
    body += r"\tkzMarkSegments[mark=||](A,B A,C) \tkzLabelAngle[pos=1](A,B,C){$\beta$} \tkzLabelSegment[left](A,C){8}"
    shown = svg(body + r"\tkzDrawPoints(A,B,C) \tkzLabelPoints[left](A,C) \tkzLabelPoint[right](B){$B_1$}")
    assert shown.count("<circle") == 4
    assert 'r="200.0"' in shown
    assert all(f">{text}</text>" in shown for text in ("A", "C", "β", "8"))


def test_a_function_in_the_window_of_tkz_base() -> None:
    window = r"\tkzInit[xmin=-2,xmax=2,ymin=-1,ymax=4]"
    assert ends(window + r"\tkzFct[domain=-1:2]{x**2}") == [(-1, 1), (2, 4)]
    assert ends(window + r"\tkzFct{2*sin(x+pi/2)}")[0] == (-2, round(2 * math.sin(math.pi / 2 - 2), 2))
    shown = svg(window + r"\tkzGrid\tkzAxeXY\tkzClip")
    assert re.findall(r">(-?\d)<", shown) == ["-2", "-1", "1", "2", "-1", "1", "2", "3", "4"]
    assert draw(window + r"\tkzFct{gamma(x)}").drawn == 1
    assert draw(r"\tkzInit[xmax=100,xstep=10]\tkzAxeXY").drawn == 1


def test_a_condition_on_odd_numbers_chooses_its_branch() -> None:
    body = r"\foreach \i in {0,...,3} {\ifodd\i \draw (0,0) -- (\i,1); \else \draw (0,0) -- (\i,-1); \fi}"
    assert [each[1] for each in lines(body)] == [(0, -1), (1, 1), (2, -1), (3, 1)]


@pytest.mark.parametrize(
    "update",
    [
        r"\pgfmathsetmacro{\n}{\s+\v} \global\let\s\n",
        r"\pgfmathsetmacro{\n}{\s+\v} \xdef\s{\n}",
    ],
)
def test_a_macro_that_a_round_of_a_loop_changes_for_all_has_its_value_in_the_next_one(update: str) -> None:
    assert lines(rf"\def\s{{0}} \foreach \v in {{1,2,3}} {{\draw (\s,0) -- (\s,\v); {update}}}") == [
        [(0, 0), (0, 1)],
        [(1, 0), (1, 2)],
        [(3, 0), (3, 3)],
    ]


def test_a_macro_that_a_round_of_a_loop_changes_for_itself_has_its_first_value_in_the_next_one() -> None:
    body = r"\def\s{1} \foreach \v in {1,2} {\pgfmathsetmacro{\s}{\s+\v} \draw (0,0) -- (\s,0);} \draw (0,0) -- (\s,9);"
    assert [each[1] for each in lines(body)] == [(2, 0), (3, 0), (1, 9)]


@pytest.mark.parametrize(
    ("items", "shown"),
    [
        ("1,...,1", "1"),
        ("1,3,...,8", "1 3 5 7"),
        ("2,1.5,...,0", "2 1.5 1 0.5 0"),
        ("1,...,3,7", "1 2 3 7"),
        ("A,...,D", "A B C D"),
        ("a,c,...,f", "a c e"),
    ],
)
def test_a_list_goes_on_in_its_steps_and_not_beyond(items: str, shown: str) -> None:
    assert re.findall(r">([^<>]+)</text", svg(rf"\foreach \x in {{{items}}} \node at (0,0) {{\x}};")) == shown.split()


def test_a_macro_that_is_changed_in_an_unknown_way_is_not_drawn_with_its_old_value() -> None:
    figure = draw(r"\def\s{1} \foreach \v in {1,2} {\advance\s by \v; \draw (0,0) -- (\s,0);} \draw (0,0) -- (\s,1);")
    assert (figure.drawn, figure.statements) == (1, 6)


def test_labels_show_what_pgfmath_calculates() -> None:
    shown = svg(
        r"\foreach \x in {1,2} {\pgfmathparse{\x*10} \node at (\x,0) {\pgfmathresult};"
        r"\node at (\x,1) {\pgfmathparse{\x/3}\pgfmathprintnumber{\pgfmathresult}};}"
    )
    assert re.findall(r">([\d.]+)<", shown) == ["10.0", "0.33", "20.0", "0.67"]
    assert draw(r"\node at (0,0) {\the\numexpr 2*3\relax};").drawn == 0


def test_a_length_over_a_length_is_not_taken_for_a_fraction() -> None:
    start = r"\coordinate (A) at (0,0); \coordinate (B) at (6,0);"
    part = r"\path let \p1=($(A)-(B)$), \n1={veclen(\x1,\y1)} in coordinate (D) at ($(A)!{\n1/(\n1+\n1)}!(B)$);"
    figure = draw(start + part + r"\draw (A) -- (D); \draw (A) -- (B);")
    assert (figure.drawn, figure.statements) == (3, 5)


def test_a_command_of_tkz_euclide_that_is_not_known_takes_what_needs_it_along() -> None:
    figure = draw(TRIANGLE + r"\tkzDefUnknown(A,B)\tkzGetPoint{P}\tkzDrawSegment(A,P)\tkzDrawSegment(A,B)")
    assert (figure.drawn, figure.statements) == (2, 5)


def test_a_figure_of_geogebra_has_its_colours_points_and_clip() -> None:
    body = r"\clip(-1.,-1.) rectangle (6.,3.); \draw [line width=2.pt,color=zzttqq] (0.,0.)-- (4.,0.);"
    body += r"\begin{scriptsize}\draw [fill=ududff] (0.,0.) circle (2.5pt); \draw[color=ududff] (0.1,0.4) node {$A$};"
    shown = svg(body + r"\end{scriptsize}")
    assert 'stroke="#993300"' in shown
    assert re.search('<text [^>]*fill="#4d4dff">A<', shown)


@pytest.mark.parametrize(
    ("expression", "height"), [(r"\x^2", -4), (r"(\x)^2", 4), (r"(\x)^(2)", 4), (r"\x*\x", 4), (r"-\x^2", 4)]
)
def test_powers_of_negative_numbers_are_those_of_tex(expression: str, height: float) -> None:
    (line,) = lines(rf"\draw[domain=-2:2] plot (\x,{{{expression}}});")
    assert line[0] == (-2, height)


def test_conditions_choose() -> None:
    body = r"\foreach \x in {0,1} {\ifnum\x=0 \draw (0,0) -- (5,0); \else \draw (0,0) -- (0,\x); \fi}"
    assert lines(body) == [[(0, 0), (5, 0)], [(0, 0), (0, 1)]]


def test_a_circle_through_a_point() -> None:
    assert 'r="200.0"' in svg(r"\coordinate (A) at (3,4); \node[draw, circle through=(A)] at (0,0) {};")


def test_planes_in_space() -> None:
    body = r"\begin{scope}[x={(1cm,0)}, y={(0,1cm)}, z={(-1cm,-1cm)}] \begin{scope}[canvas is yz plane at x=3]"
    assert ends(body + r"\draw (0,0) -- (1,2); \end{scope} \end{scope}") == [(3, 0), (1, -1)]


def test_a_degree_is_kept() -> None:
    assert ">35°</text>" in svg(r"\node at (0,0) {$35\textrm{\degre}$};")


def test_an_endless_number_of_statements_ends() -> None:
    figure = draw(r"\foreach \a in {1,...,300} {\foreach \b in {1,...,300} {\foreach \c in {1,...,300} {}}}")
    assert figure.svg is None
    figure = draw(r"\draw[samples=400] plot (\x,{sin(\x)});" * 900)
    assert 0 < figure.drawn < figure.statements == 900


def test_a_line_is_shortened_or_drawn_out() -> None:
    assert ends(r"\draw[shorten <=1cm, shorten >=-1cm] (0,0) -- (4,0);") == [(1, 0), (5, 0)]


def test_a_text_beside_its_line_is_on_the_left_of_its_way() -> None:
    shown = svg(r"\begin{scope}[auto] \draw (0,0) to node {a} (4,0) to node[swap] {b} (4,4); \end{scope}")
    (ax, ay), (bx, by) = ((float(x), float(y)) for x, y in re.findall(r'<text x="([-\d.]+)" y="([-\d.]+)"', shown))
    assert abs(ax - 80) < 1
    assert ay < 0
    assert bx > 160
    assert by < 0


def test_a_regular_polygon_has_its_corners_on_its_circle() -> None:
    body = (
        r"\node[regular polygon, regular polygon sides=%s, draw, minimum size=4cm] (p) {}; \draw (0,0) -- (p.corner 1);"
    )
    assert ends(body % 5) == [(0, 0), (0, 2)]
    assert ends(body % 4) == [(0, 0), (1.42, 1.42)]


def test_bars_are_stacked_along_their_axis() -> None:
    plots = r"\addplot coordinates {(3,1) (4,2)}; \addplot coordinates {(2,1) (5,2)};"
    shown = lines(r"\begin{axis}[xbar stacked, xmin=0, xmax=14, axis lines=none]" + plots + r"\end{axis}")
    assert [sorted({x for x, _ in bar}) for bar in shown] == [[0, 1.5], [0, 2], [1.5, 2.5], [2, 4.5]]


def test_further_marks_and_names_of_curves_of_an_axis() -> None:
    axis = r"\begin{axis}[legend entries={one,two}, extra x ticks={2.5}, extra x tick labels={$m$}] \addplot[red] {x};"
    shown = svg(axis + r"\addplot[blue] {-x}; \end{axis}")
    assert all(f">{text}</text>" in shown for text in ("one", "two", "m"))


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        (r"$\overline{AB}$", "A\u0305B\u0305"),
        (r"$\overrightarrow{AB}$", "A\u20d7B\u20d7"),
        (r"\SI{5}{\centi\metre}", "5 cm"),
        (r"\shortstack{a\\b}", "a"),
        ("0--20", "0\u201320"),
        (r"{\Large $x$}", "x"),
    ],
)
def test_labels_lose_nothing(label: str, shown: str) -> None:
    assert f">{shown}</text>" in svg(rf"\node at (0,0) {{{label}}};")
