"""Tables of commands: blocks, marks, symbols."""

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
    "up": "superscript",
    "textsubscript": "subscript",
    "tnote": "superscript",
    "tnotex": "superscript",
    "boldsymbol": "bold",
    "bm": "bold",
    "mathit": "italic",
    "code": "code",
    "path": "code",
    "lstinline": "code",
}
_TRANSPARENT = (
    "text textrm textsf textsc textmd textup textnormal mbox fbox hbox makebox centerline mathrm title section"
    " caption author thead makecell shortstack Centerstack tablenote"
    " multirowthead raisecell specialcell framebox hl so textls MakeUppercase uppercase lowercase rotcell rothead smash"
    " llap rlap clap gls Gls glspl ac acs acl acf acp numberline"
    " operatorname mathsf mathtt mathnormal mathop mathrel mathbin"
)
TRANSPARENT = frozenset(_TRANSPARENT.split())
# Commands of which only the last argument is printed → number of arguments before it.
SKIPPED = {
    **dict.fromkeys(("textcolor", "colorbox", "raisebox", "parbox", "scalebox", "rotatebox", "adjustbox"), 1),
    **dict.fromkeys(("hyperlink", "hypertarget"), 1),
    **dict.fromkeys(("resizebox", "fcolorbox"), 2),
}
# Display environments and the one that stands for them inside \[ … \].
FORMULA_ENVIRONMENTS = {
    **dict.fromkeys(("equation", "equation*", "displaymath", "math"), ""),
    **dict.fromkeys(
        ("align", "align*", "eqnarray", "eqnarray*", "flalign", "flalign*", "alignat", "alignat*"), "aligned"
    ),
    **dict.fromkeys(("split", "aligned"), "aligned"),
    **dict.fromkeys(("gather", "gather*", "multline", "multline*", "gathered"), "gathered"),
    **{name: name for name in ("cases", "dcases", "rcases", "CD", "matrix", "smallmatrix")},
    **{name: name for name in ("pmatrix", "bmatrix", "Bmatrix", "vmatrix", "Vmatrix")},
}
# Environments → number of arguments for position and width, which are skipped.
ENVIRONMENT_ARGUMENTS = {
    **dict.fromkeys(("minipage", "subfigure", "subtable", "multicols", "adjustbox", "spacing"), 1),
    **dict.fromkeys(("rotate", "turn", "varwidth"), 1),
    **dict.fromkeys(("wrapfigure", "wraptable", "adjustwidth"), 2),
}

# Functions, whose names are printed.
_FUNCTIONS = (
    "arccos arcsin arctan arg cos cosh cot coth csc deg det dim exp gcd inf ker lg lim liminf limsup ln log max min Pr"
    " sec sin sinh sup tan tanh"
)
# Letters and opening quotes: a space that ends the name of the command is not printed, else it would split a word.
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
    "DH": "Ð",
    "dh": "ð",
    "TH": "Þ",
    "th": "þ",
    "NG": "Ŋ",
    "ng": "ŋ",
    "DJ": "Đ",
    "dj": "đ",
    "textbackslash": "\\",
    **dict.fromkeys(("guillemotleft", "flqq"), "«"),
    "og": "« ",
    "fg": " »",
    **dict.fromkeys(("glqq", "quotedblbase"), "„"),
    **dict.fromkeys(("glq", "quotesinglbase"), "‚"),
    "guilsinglleft": "‹",
}
SYMBOLS = {
    **LETTERS,
    **{name: name for name in _FUNCTIONS.split()},
    "qed": "∎",
    "textordfeminine": "ª",
    "textordmasculine": "º",
    "ldots": "…",
    "dots": "…",
    "textellipsis": "…",
    **dict.fromkeys(("quad", "qquad", "enspace", "enskip", "thinspace", "medspace", "thickspace"), " "),
    **dict.fromkeys(("nobreakspace", "space"), " "),
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
ESCAPED = {"\\ ": " ", "\\,": " ", "\\;": " ", "\\:": " ", "\\>": " ", "\\!": "", "\\/": "", "\\-": "", "\\@": ""}
