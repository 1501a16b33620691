"""Sanitising of HTML by ``nh3`` with an allow-list of tags, attributes and addresses."""

_TEXT = "a br code details div em h1 h2 h3 h4 h5 h6 hr img li ol p pre s small span strong sub summary sup u ul"
_TABLE = "table tbody td th thead tr"
# MathML Core, without elements that have an address or contain HTML (annotation-xml, maction, semantics).
_MATH = (
    "math mrow mi mn mo ms mtext mspace mfrac msqrt mroot mstyle merror mpadded mphantom msub msup msubsup munder mover"
    " munderover mmultiscripts mprescripts mtable mtr mtd menclose mfenced none"
)
_TAGS = {*_TEXT.split(), *_TABLE.split(), *_MATH.split()}
_MATH_ATTRIBUTES = (
    "accent accentunder close columnalign columnlines columnspacing depth display displaystyle fence form height"
    " linethickness lspace mathvariant maxsize minsize movablelimits notation open rowalign rowlines rowspacing rspace"
    " scriptlevel separator stretchy symmetric voffset width"
)
_ATTRIBUTES = {
    **{tag: set(_MATH_ATTRIBUTES.split()) for tag in _MATH.split()},
    "a": {"href"},
    "div": {"class"},
    "p": {"class"},
    "hr": {"id"},
    "img": {"alt", "src"},
    "ol": {"start"},
    "li": {"value"},
    "th": {"align", "colspan", "rowspan"},
    "td": {"align", "colspan", "rowspan"},
    "details": {"open"},
}
_IMAGES = tuple(f"data:image/{kind};base64," for kind in ("svg+xml", "png", "jpeg"))


def _attribute(tag: str, name: str, value: str) -> str | None:
    if tag == "img" and name == "src":
        return value if value.startswith(_IMAGES) else None
    if tag == "a" and name == "href":
        return value if value.startswith(("http://", "https://", "mailto:", "#")) else None
    return value


def clean(html: str) -> str:
    """The HTML without tags, attributes and addresses outside the allow-list; images only as ``data:`` addresses."""
    import nh3

    return nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=_attribute,
        url_schemes={"http", "https", "mailto", "data"},
        link_rel="noopener noreferrer nofollow",
    )
