r"""Layout commands, which are dropped with their arguments: ``\centering``, ``\vspace{1em}``, ``\hline``."""

import re

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
    " landscape endlandscape newblock null singlespacing doublespacing"
)
_WITH_ONE = (
    "label hspace vspace hspace* vspace* cline cmidrule color phantom hphantom vphantom vskip hskip index captionsetup"
    " usepackage documentclass pagestyle thispagestyle bibliography input rowcolor cellcolor columncolor arraystretch"
    " cdashline hhline Xhline noalign arrayrulecolor doublerulesepcolor extracolsep fontfamily pagenumbering"
    " addvspace enlargethispage"
)
_WITH_TWO = "setlength rule addtolength setcounter addtocounter renewcommand newcommand fontsize"
DROPPED = {
    **dict.fromkeys(_ALONE.split(), 0),
    **dict.fromkeys(_WITH_ONE.split(), 1),
    **dict.fromkeys(_WITH_TWO.split(), 2),
    "specialrule": 3,
    "rowcolors": 3,
}
_WITH_OPTION = frozenset({"addlinespace", "bigstrut", "bottomrule", "hdashline", "linebreak", "midrule", "toprule"})


def is_layout(name: str) -> bool:
    """Whether a command is one of :data:`DROPPED`, or a misspelt rule: ``\\Hline``, ``\\hcline``."""
    return name in DROPPED or name.lower().endswith(("hline", "cline"))


def skip_layout(reader: TokenReader, index: int, high: int) -> int:
    """The index after the layout command at ``index`` and its arguments."""
    name = reader.tokens[index].name
    index, count = index + 1, DROPPED.get(name, 0)
    while name == "cmidrule" and index < high and reader.tokens[index].text[:1] == "(":  # \cmidrule(lr){1-2}
        index += 1
    after = reader.skip_arguments(index, high, count)
    if count and after + 1 < high and reader.tokens[after].kind is Kind.OPEN:  # \hspace{1cm is never closed
        return after + 2 if LENGTH.fullmatch(reader.tokens[after + 1].text) else after
    option = reader.option(after, high) if name in _WITH_OPTION else None
    return option[1] if option else after


def after_row_break(reader: TokenReader, index: int, high: int) -> int:
    r"""The index after the spacing of a row break that ends before ``index``: ``\\\\[2pt]``, ``\\\\ [1ex]``."""
    spacing = reader.option(reader.skip_spaces(index, min(high, index + 1)), high)
    return spacing[1] if spacing and LENGTH.fullmatch(reader.source(*spacing[0])) else index
