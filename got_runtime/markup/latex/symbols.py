"""Tables of commands: blocks, marks, symbols, and layout commands, which are dropped with their arguments."""

from got_runtime.markup.content import Mark

SECTIONS = {
    "title": 1,
    "part": 1,
    "chapter": 1,
    "section": 2,
    "subsection": 3,
    "subsubsection": 4,
    "paragraph": 5,
    "subparagraph": 6,
}
PAGE_ENDS = frozenset({"newpage", "pagebreak", "clearpage"})
# Commands that end the paragraph above them.
BLOCK_COMMANDS = frozenset(
    {"author", "caption", "footnotetext", "includegraphics", "item", "bibitem", "captionof", *PAGE_ENDS, *SECTIONS}
)

MARKS: dict[str, Mark] = {
    "textbf": "bold",
    "mathbf": "bold",
    "textit": "italic",
    "emph": "italic",
    "textsl": "italic",
    "underline": "underline",
    "uline": "underline",
    "texttt": "code",
    "verb": "code",
    "sout": "strike",
    "st": "strike",
    "textsuperscript": "superscript",
    "textsubscript": "subscript",
}
_TRANSPARENT = (
    "text textrm textsf textsc textmd textup textnormal mbox fbox hbox makebox centerline mathrm title section"
    " caption multirow multicolumn author ce thead makecell"
)
TRANSPARENT = frozenset(_TRANSPARENT.split())
# Commands of which only the last argument is printed → number of arguments before it.
SKIPPED = {
    **dict.fromkeys(("textcolor", "colorbox", "raisebox", "parbox", "scalebox", "rotatebox"), 1),
    **dict.fromkeys(("multirow", "multicolumn", "resizebox", "fcolorbox"), 2),
}
# Environments → number of arguments for position and width, which are skipped.
ENVIRONMENT_ARGUMENTS = {
    **dict.fromkeys(("minipage", "subfigure", "subtable", "multicols", "adjustbox", "spacing"), 1),
    **dict.fromkeys(("wrapfigure", "wraptable", "adjustwidth"), 2),
}

# Layout commands, by the number of braced arguments that are dropped with them.
_DROPPED_ALONE = (
    "maketitle centering raggedright raggedleft noindent indent hline toprule midrule bottomrule bf it tt em sl sc"
    " rm sf bfseries itshape ttfamily sffamily rmfamily scshape upshape mdseries normalfont tiny scriptsize"
    " footnotesize small normalsize large Large LARGE huge Huge smallskip medskip bigskip hfill vfill clearpage"
    " newpage pagebreak nopagebreak tableofcontents displaystyle boldmath unboldmath protect relax left right"
    " appendix bibliographystyle endhead endfirsthead endfoot endlastfoot"
)
_DROPPED_WITH_ONE = (
    "label hspace vspace hspace* vspace* cline cmidrule color phantom vskip hskip index captionsetup usepackage"
    " documentclass pagestyle thispagestyle bibliography input rowcolor cellcolor columncolor arraystretch"
)
_DROPPED_WITH_TWO = "setlength rule addtolength setcounter renewcommand"
DROPPED = {
    **dict.fromkeys(_DROPPED_ALONE.split(), 0),
    **dict.fromkeys(_DROPPED_WITH_ONE.split(), 1),
    **dict.fromkeys(_DROPPED_WITH_TWO.split(), 2),
}
# Letters: a space that ends the name of the command is not printed, else it would split a word.
LETTERS = {
    "ss": "ß",
    "ae": "æ",
    "AE": "Æ",
    "oe": "œ",
    "OE": "Œ",
    "o": "ø",
    "O": "Ø",
    "aa": "å",
    "AA": "Å",
    "l": "ł",
    "L": "Ł",
    "i": "ı",
    "j": "ȷ",
}
SYMBOLS = {
    **LETTERS,
    "qed": "∎",
    "textbackslash": "\\",
    "ldots": "…",
    "dots": "…",
    "textellipsis": "…",
    "quad": " ",
    "qquad": " ",
    "textdegree": "°",
    "textbullet": "•",
    "textasciitilde": "~",
    "textasciicircum": "^",
    "textless": "<",
    "textgreater": ">",
    "textbar": "|",
    "textendash": "–",
    "textemdash": "—",
    "textquotedblleft": "“",
    "textquotedblright": "”",
    "textregistered": "®",
    "texttrademark": "™",
    "copyright": "©",
    "pounds": "£",
    "S": "§",
    "P": "¶",
    "dag": "†",
    "ddag": "‡",
    "checkmark": "✓",
    "LaTeX": "LaTeX",
    "TeX": "TeX",
    "euro": "€",
    "texteuro": "€",
}
ESCAPED = {"\\ ": " ", "\\,": " ", "\\;": " ", "\\:": " ", "\\!": "", "\\/": "", "\\-": "", "\\@": ""}
