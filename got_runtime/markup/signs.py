"""Signs that LaTeX has a command for, as characters: Greek letters, operators, relations, arrows."""

_LETTERS = """
alpha α beta β gamma γ delta δ epsilon ϵ varepsilon ε zeta ζ eta η theta θ vartheta ϑ iota ι kappa κ varkappa ϰ
lambda λ mu μ nu ν xi ξ omicron ο pi π varpi ϖ rho ρ varrho ϱ sigma σ varsigma ς tau τ upsilon υ phi ϕ varphi φ
chi χ psi ψ omega ω digamma ϝ Alpha Α Beta Β Gamma Γ Delta Δ Epsilon Ε Zeta Ζ Eta Η Theta Θ Iota Ι Kappa Κ Lambda Λ
Mu Μ Nu Ν Xi Ξ Omicron Ο Pi Π Rho Ρ Sigma Σ Tau Τ Upsilon Υ Phi Φ Chi Χ Psi Ψ Omega Ω thetasym ϑ aleph ℵ alef ℵ
alefsym ℵ beth ℶ gimel ℷ daleth ℸ ell ℓ hbar ℏ hslash ℏ wp ℘ weierp ℘ Re ℜ real ℜ Im ℑ image ℑ imath ı jmath ȷ R ℝ
Reals ℝ reals ℝ N ℕ natnums ℕ Z ℤ Complex ℂ cnums ℂ eth ð AA Å aa å AE Æ ae æ OE Œ oe œ O Ø o ø L Ł l ł ss ß mho ℧
Finv Ⅎ Game ⅁ Bbbk 𝕜
"""
_SIGNS = """
pm ± plusmn ± mp ∓ times × div ÷ cdot · cdotp · sdot ⋅ ast ∗ star ⋆ circ ∘ bullet ∙ bull ∙ oplus ⊕ ominus ⊖ minuso ⊖
otimes ⊗ oslash ⊘ odot ⊙ cap ∩ cup ∪ doublecap ⋒ doublecup ⋓ uplus ⊎ sqcap ⊓ sqcup ⊔ vee ∨ wedge ∧ land ∧ lor ∨
lnot ¬ neg ¬ setminus ∖ amalg ⨿ leq ≤ le ≤ leqslant ⩽ geq ≥ ge ≥ geqslant ⩾ ll ≪ gg ≫ neq ≠ ne ≠ equiv ≡ sim ∼
simeq ≃ approx ≈ cong ≅ propto ∝ doteq ≐ asymp ≍ prec ≺ succ ≻ preceq ⪯ succeq ⪰ subset ⊂ sub ⊂ supset ⊃ subseteq ⊆
sube ⊆ supseteq ⊇ supe ⊇ nsupseteqq ⊉ subsetneq ⊊ supsetneq ⊋ in ∈ isin ∈ ni ∋ notin ∉ mid ∣ nmid ∤ parallel ∥
shortparallel ∥ nparallel ∦ perp ⊥ bot ⊥ top ⊤ vdash ⊢ dashv ⊣ models ⊨ vDash ⊨ nleqq ≰ lesssim ≲ gtrsim ≳ lessgtr ≶
trianglelefteq ⊴ to → gets ← rightarrow → rarr → leftarrow ← larr ← uparrow ↑ uarr ↑ downarrow ↓ darr ↓
leftrightarrow ↔ harr ↔ lrarr ↔ updownarrow ↕ Rightarrow ⇒ Rarr ⇒ rArr ⇒ Leftarrow ⇐ Larr ⇐ lArr ⇐ Uparrow ⇑ Uarr ⇑
uArr ⇑ Downarrow ⇓ Darr ⇓ dArr ⇓ Leftrightarrow ⇔ Lrarr ⇔ lrArr ⇔ Harr ⇔ hArr ⇔ longrightarrow ⟶ longleftarrow ⟵
Longrightarrow ⟹ longleftrightarrow ⟷ implies ⟹ iff ⟺ mapsto ↦ longmapsto ⟼ hookrightarrow ↪ hookleftarrow ↩
leftharpoonup ↼ rightharpoonup ⇀ rightleftharpoons ⇌ leftrightharpoons ⇋ leadsto ⇝ nearrow ↗ searrow ↘ swarrow ↙
nwarrow ↖ infty ∞ infin ∞ partial ∂ nabla ∇ forall ∀ exists ∃ exist ∃ nexists ∄ emptyset ∅ empty ∅ varnothing ∅
angle ∠ measuredangle ∡ sphericalangle ∢ triangle △ square □ Box □ blacksquare ■ Diamond ◇ diamond ⋄ lozenge ◊
blacktriangle ▲ bigcirc ◯ bigstar ★ spadesuit ♠ spades ♠ heartsuit ♡ hearts ♡ diamondsuit ♢ diamonds ♢ clubsuit ♣
clubs ♣ flat ♭ natural ♮ sharp ♯ prime ′ degree ° celsius ℃ sum ∑ prod ∏ coprod ∐ int ∫ iint ∬ iiint ∭ oint ∮ surd √
therefore ∴ because ∵ cdots ⋯ vdots ⋮ ddots ⋱ ldots … dots … dotsc … dotsb ⋯ mathellipsis … hdots … dag † dagger †
ddag ‡ Dagger ‡ ddagger ‡ S § sect § P ¶ copyright © circledR ® checkmark ✓ yen ¥ pounds £ mathsterling £
backslash \\ vert | lvert | rvert | Vert ‖ lVert ‖ rVert ‖ VERT ⦀ lbrace { rbrace } lbrack [ rbrack ] langle ⟨
rangle ⟩ lfloor ⌊ rfloor ⌋ lceil ⌈ rceil ⌉ lgroup ⟮ rgroup ⟯ lmoustache ⎰ rmoustache ⎱ ulcorner ⌜ urcorner ⌝
llcorner ⌞ lrcorner ⌟ lq ‘ rq ’ coloneqq ≔ colonequals ≔ vcentcolon : ratio : colon : dblcolon ∷ coloncolon ∷
coloncolonequals ⩴ equalscolon ≕ Eqqcolon ≕: Eqcolon −:: minuscolon ∹ minuscoloncolon −:: colonminus ∹
coloncolonminus ∷− equalscoloncolon =:: simcolon ∼: simcoloncolon ∼:: colonsim :∼ coloncolonsim ∷∼ Colonsim ∷∼
approxcolon ≈: approxcoloncolon ≈:: colonapprox :≈ coloncolonapprox ∷≈ Colonapprox ∷≈ textdollar $ textunderscore _
textbraceleft { textbraceright } textbardbl ‖ textbar | textless < textgreater > textasciitilde ~ textasciicircum ^
textbackslash \\ textdagger † textdaggerdbl ‡ textdegree ° textellipsis … textemdash — textendash –
textquotedblleft “ textquotedblright ” textquoteleft ‘ textquoteright ’ textregistered ® textsterling £ textmu µ
textohm Ω textonehalf ½ textonequarter ¼ texttimes × textdiv ÷ textpm ± textsection § textperiodcentered ·
textcopyright © texttrademark ™ textbullet • xmark ✗ cmark ✓ slash / cent ¢ textcent ¢ textyen ¥ percent % micro µ
ohm Ω EUR € guillemotright » guilsinglright › fg » frqq » grqq “
textminus − textcelsius ℃ textparagraph ¶ textthreequarters ¾ textonesuperior ¹ texttwosuperior ² textthreesuperior ³
textleftarrow ← textrightarrow → textuparrow ↑ textdownarrow ↓ textexclamdown ¡ textquestiondown ¿ textguillemotleft «
textguillemotright » guillemetleft « guillemetright » textlnot ¬ textsurd √ textbrokenbar ¦ textcurrency ¤ textwon ₩
textopenbullet ◦ textbigcircle ◯ textmusicalnote ♪ textborn * textdied † textmarried ⚭ textreferencemark ※ textpeso ₱
textestimated ℮ textrecipe ℞ textservicemark ℠ textinterrobang ‽ textlira ₤ textbaht ฿ textdong ₫ textflorin ƒ
textcolonmonetary ₡ textnaira ₦ textguarani ₲ textvisiblespace ␣ textfractionsolidus ⁄ textpertenthousand ‱ ij ĳ IJ Ĳ
male ♂ female ♀ phone ☎ textperthousand ‰ perthousand ‰ permil ‰ straightphi ϕ
grq ‘ textquotesingle ' textquotedbl " textasteriskcentered * textnumero № lang ⟨ rang ⟩
"""


def _pairs(table: str) -> dict[str, str]:
    words = table.split()
    return dict(zip(words[::2], words[1::2], strict=True))


SIGNS = {**_pairs(_LETTERS), **_pairs(_SIGNS)}
"""Names of commands without a backslash → what they print."""

_CIRCLED = {**{str(number): chr(0x245F + number) for number in range(1, 21)}, "0": "⓪"}

_IN_CIRCLES = "".join(map(chr, range(0x2460, 0x24FF)))


# \ding: the codes of Zapf Dingbats that Unicode has in other blocks than Dingbats.
_DINGBATS = {
    37: "☎", 42: "☛", 43: "☞", 72: "★", 108: "●", 110: "■", 115: "▲", 116: "▼", 117: "◆", 119: "◗", 168: "♣", 169: "♦",
    170: "♥", 171: "♠", 213: "→", 214: "↔", 215: "↕",
}  # fmt: skip


def dingbat(code: int) -> str | None:
    r"""The character of ``\ding{code}``: 51 is ✓, 172 is ①; None for a code that Zapf Dingbats does not have."""
    if code in _DINGBATS:
        return _DINGBATS[code]
    if 172 <= code <= 181:
        return chr(0x2460 + code - 172)
    return chr(0x2700 + code - 32) if 33 <= code <= 126 or (161 <= code <= 254 and code != 240) else None


def circled(text: str) -> str | None:
    """The character for a number up to 20 or a Latin letter in a circle; None for other text."""
    if len(text) == 1 and text.isascii() and text.isalpha():
        return chr((0x24B6 if text.isupper() else 0x24D0 - 32) + ord(text) - ord("A"))
    return text if text and text in _IN_CIRCLES else _CIRCLED.get(text)
