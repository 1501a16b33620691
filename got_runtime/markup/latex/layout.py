r"""Layout commands, which are dropped with their arguments: ``\centering``, ``\vspace{1em}``, ``\hline``."""

import re

from got_runtime.markup.latex.table_settings import after_trim
from got_runtime.markup.latex.token_reader import TokenReader
from got_runtime.markup.latex.tokens import Kind

LENGTH = re.compile(r"\s*[-+]?(?:\d+[.,]?\d*|[.,]\d+)\s*(?:\\[A-Za-z]+|e[xm]|p[tc]|[cm]m|in|bp|sp|dd|mu)\s*")

# By the number of braced arguments that are dropped with them.
_ALONE = (
    "maketitle centering raggedright raggedleft noindent indent hline toprule midrule bottomrule bf it tt em sl sc"
    " rm sf bfseries itshape ttfamily sffamily rmfamily scshape upshape mdseries normalfont tiny scriptsize"
    " footnotesize small normalsize large Large LARGE huge Huge smallskip medskip bigskip hfill vfill clearpage"
    " newpage pagebreak nopagebreak tableofcontents displaystyle boldmath unboldmath protect relax left right"
    " appendix bibliographystyle endhead endfirsthead endfoot endlastfoot firsthline lasthline hdashline"
    " addlinespace morecmidrules arraybackslash allowbreak nobreak ignorespaces unskip hfil hss vfil vline bigstrut"
    " strut Tstrut Bstrut tstrut bstrut selectfont leavevmode RaggedRight FloatBarrier onecolumn twocolumn"
    " landscape endlandscape newblock null singlespacing doublespacing dotfill hrulefill downbracefill upbracefill"
    " leftarrowfill rightarrowfill break nolinebreak sloppy fussy xspace obeylines begingroup endgroup bgroup egroup"
    " hrule vrule negthinspace everypar big Big bigg Bigg bigl Bigl biggl Biggl bigr Bigr biggr Biggr bigm Bigm limits"
    " nolimits textstyle scriptstyle nonumber notag columnbreak SetAlgoLined LinesNumbered SetKwInOut"
)
_WITH_ONE = (
    "label hspace vspace hspace* vspace* cline cmidrule color phantom hphantom vphantom vskip hskip index captionsetup"
    " usepackage documentclass pagestyle thispagestyle bibliography input rowcolor cellcolor columncolor arraystretch"
    " cdashline hhline Xhline noalign arrayrulecolor doublerulesepcolor extracolsep fontfamily pagenumbering"
    " addvspace enlargethispage fontseries fontshape linespread hyphenation stepcounter refstepcounter value"
)
# A length or a number without braces follows: \\kern-2pt, \\tabcolsep=2pt, \\hskip 2pt plus 1fil.
_WITH_LENGTH = (
    "kern mkern mskip raise lower moveleft moveright penalty baselineskip tabcolsep parindent parskip itemsep spaceskip"
    " textwidth linewidth columnwidth hsize hangindent leftskip rightskip arrayrulewidth doublerulesep arraycolsep"
    " extrarowheight columnsep parsep topsep partopsep fboxsep fboxrule aboverulesep belowrulesep heavyrulewidth"
    " lightrulewidth abovecaptionskip belowcaptionskip textheight hoffset voffset lineskip cmidrulekern"
)
_WITH_TWO = "setlength rule addtolength setcounter addtocounter renewcommand newcommand fontsize"
DROPPED = {
    **dict.fromkeys(_ALONE.split(), 0),
    **dict.fromkeys(_WITH_LENGTH.split(), 0),
    **dict.fromkeys(_WITH_ONE.split(), 1),
    **dict.fromkeys(_WITH_TWO.split(), 2),
    "specialrule": 3,
    "rowcolors": 3,
}
_LENGTHS = frozenset({"hskip", "vskip", *_WITH_LENGTH.split()})
_BARE_LENGTH = re.compile(r"=?[-+]?(?:\d+[.,]?\d*|[.,]\d+)(?:e[xm]|p[tc]|[cm]m|in|bp|sp|dd|mu|fil{1,3})?")
_AFTER_STAR = frozenset({Kind.BRACKET, Kind.NEWLINE, Kind.BLANK})
_WITH_OPTION = frozenset({"addlinespace", "bigstrut", "bottomrule", "hdashline", "linebreak", "midrule", "toprule"})


_SPACING = frozenset({
    "dotfill", "hfil", "hfill", "hphantom", "hskip", "hspace", "hspace*", "phantom", "vspace", "vspace*",
})  # fmt: skip
# \rule{2cm}{0.4pt}: from half a centimetre, and no higher than 2 pt
_LINE = re.compile(
    r"\s*(?:\[[^\[\]]*\])?\{\s*(?:[1-9]\d*|0?\.[5-9])\d*\.?\d*\s*(?:cm|in|em|\\[a-z]+)\s*\}\s*\{\s*[012]?\.?\d*\s*(?:pt|mm)\s*\}"
)
_NO_SPACE = re.compile(r"[\s{]*(?:-|0*(?:\.0*)?(?:pt|e[xm]|[cm]m))")  # \hspace{-2pt}, \hspace{0pt}


BLANK = "____"
"""A line on which something is to be written."""


def shown_space(reader: TokenReader, index: int, after: int) -> str:
    r"""What the layout command at ``index`` leaves between words: a space (``\hspace{2cm}``), or a blank to fill in.

    A negative space leaves nothing, as does a rule that is no line (``\rule{0pt}{2ex}``).
    """
    name, source = reader.tokens[index].name, reader.source(index + 1, after)
    if name == "hrulefill" or (name == "rule" and _LINE.match(source)):
        return BLANK
    return " " if name in _SPACING and not _NO_SPACE.match(source) else ""


def is_layout(name: str) -> bool:
    """Whether a command is one of :data:`DROPPED`, or a misspelt rule: ``\\Hline``, ``\\hcline``."""
    return name in DROPPED or name.lower().endswith(("hline", "cline"))


def skip_layout(reader: TokenReader, index: int, high: int) -> int:
    """The index after the layout command at ``index`` and its arguments."""
    name = reader.tokens[index].name
    index, count = index + 1, DROPPED.get(name, 0)
    if name == "cmidrule":
        index = after_trim(reader.tokens, index, high)
    if name in _LENGTHS:
        index = _skip_lengths(reader, index, high)
    after = reader.skip_arguments(index, high, count)
    if count and after + 1 < high and reader.tokens[after].kind is Kind.OPEN:  # \hspace{1cm is never closed
        return after + 2 if LENGTH.fullmatch(reader.tokens[after + 1].text) else after
    option = reader.option(after, high) if name in _WITH_OPTION else None
    return option[1] if option else after


def _skip_lengths(reader: TokenReader, index: int, high: int) -> int:
    """The index after a length without braces: ``2pt``, ``=2pt``, ``2pt plus 1fil minus 1pt``."""
    length = reader.skip_spaces(index, min(high, index + 1))
    while length < high and _BARE_LENGTH.fullmatch(reader.tokens[length].text):
        index = length + 1
        if index + 3 >= high or reader.tokens[index + 1].text not in ("plus", "minus"):
            break
        length = index + 3
    return index


def after_row_break(reader: TokenReader, index: int, high: int) -> int:
    r"""The index after the spacing of a row break that ends before ``index``: ``\\[2pt]``, ``\\ [1ex]``, ``\\*``."""
    if index < high and reader.tokens[index].text == "*":
        following = reader.skip_spaces(index + 1, min(high, index + 2))
        ended = following >= high or reader.tokens[following].kind in _AFTER_STAR
        index += ended or reader.tokens[following - 1].kind is Kind.NEWLINE  # else the first sign of the next row
    spacing = reader.option(reader.skip_spaces(index, min(high, index + 1)), high)
    return spacing[1] if spacing and LENGTH.fullmatch(reader.source(*spacing[0])) else index
