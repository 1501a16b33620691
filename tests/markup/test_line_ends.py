"""Lines of running text: ends that are meant are kept, paragraphs are joined, and divided words are one again."""

import pytest
from markdown_it import MarkdownIt

from got_runtime.markup import parse, parse_pages, to_html, to_markdown, to_text

KEPT = {
    "notes with several stars": "Standard errors in brackets\n* p < 0.05\n** p < 0.01\n*** p < 0.001",
    "options": "Which is right?\n(A) 12 cm\n(B) 13 cm\n(C) none of these",
    "options that end a sentence": "The capital of France is\n(A) Paris\n(B) Lyon",
    "options with points": "下列说法正确的是\nA. 甲乙丙丁\nB. 乙丙丁甲",
    "options in full-width brackets": "这段文字主要写了什么\n（A）春天的景色和人们的活动\n（B）夏天的景色和人们的活动",
    "a name plate": "John Smith\nManaging Director\nAcme Ltd.",
    "a Chinese name plate": "张三\n总经理\n北京某某科技有限公司\n电话：010-1234567",
    "an address": "Mr. John Smith,\n12 High Street,\nLondon W1A 1AA",
    "a Chinese address": "北京市海淀区中关村大街一号\n清华大学东门",
    "fields": "姓名：张三\n性别：男\n年龄：30",
    "a letter": "Dear Sir,\nthank you for your letter.\nYours sincerely,\nJohn",
    "a German letter": "Sehr geehrte Damen und Herren,\nvielen Dank für Ihre Nachricht.\nMit freundlichen Grüßen\nMax",
    "a street": "To:\nMr. Smith\n5 Elm St.\nSpringfield, IL 62701",
    "a list of ingredients": "Ingredients\n2 eggs\n100 g flour\na pinch of salt",
    "verse": "Rough winds do shake the darling buds of May,\nAnd summer's lease hath all too short a date;\n"
    "Sometime too hot the eye of heaven shines,\nAnd often is his gold complexion dimm'd;",
    "Chinese verse": "床前明月光，\n疑是地上霜。\n举头望明月，\n低头思故乡。",
    "a list without markers": "apples\npears\nplums",
    "a title and its authors": "Study of the Effects of Temperature on the Growth of Plants\nJohn Smith and Mary Jones",
    "a table of contents": "Introduction ........ 12\nMethods ............. 15",
    "paragraphs of one line each": "这是第一段，它在一行里说完了所有的话。\n这是第二段，它也在一行里说完了所有的话。",
    "clauses of a law": "第一条 为了规范合同，制定本法。\n第二条 本法适用于各种合同。",
    "footnotes": "The text ends here.\n† Department of Physics\n1 Department of Chemistry",
    "formulas": "\\(x = 1\\)\n\\(y = 2\\)",
    "words that end with a capital letter": "Vitamin A\nVitamin C\nVitamin E",
    "a receipt with groups of tax": "Brot 2,49 B\nKäse 3,99 A\nPfand 0,25 A\nSumme 6,73",
    "a house number with a letter": "Firma\nMüller & Söhne\nAm Markt 3 a\n04109 Leipzig",
    "terms": "Conditions de règlement : 30 jours fin de mois\nEn cas de retard, une pénalité sera exigible.",
    "addresses": "E-mail address: j.doe@example.org (J. Doe).\nhttps://doi.org/10.1016/j.cell.2020.01.001\n"
    "0092-8674/© 2020 Elsevier Inc.",
    "hours": "Opening hours\nMonday 8 AM\nTuesday 9 AM\nClosed on Sunday",
    "a state in capitals": "Acme Inc.\n12 Main St\nPortland, OR\nUSA",
    "options behind an open sentence": "Which is right? The answer is\nA. Paris\nB. Lyon\nC. Nice",
    "paragraphs of a law": "§ 1 Geltung\n§ 2 Fristen\n§ 3 Zuständigkeit",
    "options behind an equation": "Which of these satisfies the equation\n(1) x is one\n(2) x is two",
    "ions": "Cl-\nBr-\nNa+",
    "a bold name plate": "\\textbf{John Smith\nDirector}\nAcme",
}
JOINED = {
    "a sentence": ("The quick brown fox\njumps over the lazy dog.", " "),
    "a sentence that begins with a year": ("It began in\n1999. Nobody knew\nwhy - or how.", " "),
    "a paragraph with sentences that end with their line": (
        "We report on the results of an experiment that was carried out in the\n"
        "laboratory of the University of Oxford in the summer of 2019. It was the\n"
        "first one of its kind, and none of us expected what came of it in 2020.\n"
        "We found that the rate of growth depends on the temperature.",
        " ",
    ),
    "a German sentence": ("Der Versuch wurde von der Arbeitsgruppe an der Universität\nHeidelberg durchgeführt.", " "),
    "an equation's number": ("With the numbers as shown in Eq.\n(3) we have the sum.", " "),
    "the number of an equation named": ("By substituting the condition into equation\n(3) we find the result.", " "),
    "a German equation": ("Setzt man die Randbedingung in Gleichung\n(3) ein, so folgt das Ergebnis.", " "),
    "a section named": ("It was carried out as described in Section\n3.2 and repeated with mice.", " "),
    "a section at the end of a sentence": ("The proof uses the results of Section\n2.1. We begin with it.", " "),
    "a reference": ("The solution of the system is compared with that in Ref.\n[12] and with ours.", " "),
    "a paragraph of a law": ("Der Anspruch ergibt sich für den Käufer aus\n§ 433 Abs. 2 BGB und ist fällig.", " "),
    "an initial": ("Les échantillons ont été prélevés par\nB. Martin et analysés dans le laboratoire.", " "),
    "the initial of another author": ("We thank the reviewers, J. Miller and\nK. Brown, for their comments.", " "),
    "an hour": ("Nach Angaben der Polizei fuhr der Mann gegen\n18 Uhr auf der Bundesstraße.", " "),
    "a name with a hyphen": ("Der Baden-\nWürttembergische Landtag tagt.", ""),
    "authors": ("See the results of Smith et al.\nfor the details of this method.", " "),
    "the year of authors": ("It was found by Smith et al.\n(2021) and others; see\nDoe for the rest.", " "),
    "a formula that goes on": ("Let the following hold for all numbers of\n\\(N\\) in the set.", " "),
    "a bracket over the end of a line": ("The results are significant (p\n< 0.05) for both groups.", " "),
    "a page in brackets": ("siehe hierzu die Ausführungen bei Müller (2001, S.\n15 f.) und die Quellen.", " "),
    "a value in brackets": ("Die Teilnehmer waren im Mittel 34 Jahre alt (SD =\n5,2) und weiblich.", " "),
    "a Chinese conjunction": (
        "其中甲表示自变量的取值，而\n乙表示因变量，二者之间的关系可以由下面的线性方程来表示。",
        "",
    ),
    "a Chinese line and a word with spaces": (
        "本系统的后端服务采用当前较为流行的开源编程语言\nPython 开发完成，并且在多个平台上支持多种不同的\nOCR 模型。",
        " ",
    ),
    "a Chinese line and a number without spaces": (
        "甲方应于2023年5月1日前向乙方支付合同总价款的百分之\n30作为预付款，乙方应在收到预付款后10个工作日内完成\n设备的安装与调试。",
        "",
    ),
    "a number without spaces and a Chinese line": (
        "甲方应于乙方交付全部设备之日起支付总价款的百分之30\n作为预付款。",
        "",
    ),
    "a Chinese comma and a word": ("该方法在多个公开数据集上取得了目前最优的识别结果，\nPython 代码已经公开。", ""),
    "a Chinese sentence": ("光学字符识别是将图像中的文字\n转换为机器可读文本的技术。", ""),
    "Chinese lines that end with commas": (
        "甲公司应当在合同签订之日起三十日内将全部货款支付至乙公司指定的银行账户，逾期未付的，\n"
        "应当按照每日万分之五的标准向乙公司支付违约金，并承担由此产生的全部费用和全部损失，\n直至货款付清之日为止。",
        "",
    ),
    "a Chinese paragraph": (
        "本文提出了一种基于深度学习的光学字符识别方法，该方法能够\n"
        "在复杂背景下准确识别文字。实验结果表明，所提方法在多个公开\n数据集上取得了最优的性能。",
        "",
    ),
}


@pytest.mark.parametrize("answer", list(KEPT.values()), ids=list(KEPT))
@pytest.mark.parametrize(
    "form", ["{}", "1. {}", "\\begin{{abstract}}{}\\end{{abstract}}"], ids=["", "item", "abstract"]
)
def test_lines_that_end_on_purpose_stay_apart(answer: str, form: str) -> None:
    elements = parse(form.format(answer))
    ends = answer.count("\n")
    assert len(to_text(elements).splitlines()) == ends + 1
    assert to_html(elements).count("<br>") == ends
    assert MarkdownIt("commonmark").render(to_markdown(elements)).count("<br />") == ends


@pytest.mark.parametrize(("answer", "between"), list(JOINED.values()), ids=list(JOINED))
def test_a_paragraph_that_runs_on_is_one_line(answer: str, between: str) -> None:
    shown = to_markdown(parse(answer)).rstrip()
    assert shown == answer.replace("\n", between).replace("\\(", "$").replace("\\)", "$")


def test_cells_headings_and_references_have_no_lines() -> None:
    source = "\\section*{A\nTitle}\n\n\\begin{tabular}{l}a\nb \\\\\\end{tabular}\n\n## References\n[1] One.\nTwo."
    assert to_text(parse(source)) == "A Title\n\na b\n\nReferences\n\n[1] One. Two.\n"


def test_a_line_that_begins_with_a_number_sign_is_no_heading() -> None:
    assert to_markdown(parse("Text.\n#tag")) == "Text.\\\n\\#tag\n"


WORDS = {
    "infor-|mation": "information",
    "self-|employed": "self-employed",
    "n-|tridecanal": "n-tridecanal",
    "tert-|butanol": "tert-butanol",
    "tert-|iary": "tertiary",
    "sec-|butyl": "sec-butyl",
    "sec-|tion": "section",
    "trans-|but-2-ene": "trans-but-2-ene",
    "trans-|port": "transport",
    "para-|graph": "paragraph",
    "father-|in-law": "father-in-law",
    "follow-|up": "follow-up",
    "in-|house": "in-house",
    "in-|creased": "increased",
    "real-|time": "real-time",
    "real-|ity": "reality",
    "après-|midi": "après-midi",
    "vingt-|deux": "vingt-deux",
    "grands-|parents": "grands-parents",
    "peut-|être": "peut-être",
    "chef-|d'œuvre": "chef-d'œuvre",
    "sous-|sol": "sous-sol",
    "sous-|crire": "souscrire",
    "arc-|en-ciel": "arc-en-ciel",
    "arc-en-|ciel": "arc-en-ciel",
    "aujourd-|hui": "aujourd-hui",
    "aujourd'|hui": "aujourd'hui",
    "l’|école": "l’école",
    "un'|altra": "un'altra",
    "O'|Brien": "O'Brien",
    "là-|bas": "là-bas",
    "sud-|ouest": "sud-ouest",
    "the 1990s'|music": "the 1990s' music",
    "workers'|rights": "workers' rights",
    "le vélo est pour un·e petit-|e": "le vélo est pour un·e petit-e",
    "demi-|heure": "demi-heure",
    "porte-|monnaie": "porte-monnaie",
    "meta-|analysis": "meta-analysis",
    "anna-|maria@example.org": "anna-maria@example.org",
    "pre-|and post-war": "pre- and post-war",
    "state-of-the-|art": "state-of-the-art",
    "mother-in-|law": "mother-in-law",
    "high-|resolution": "high-resolution",
    "high-|ly": "highly",
    "anti-|inflammatory": "anti-inflammatory",
    "twenty-|one": "twenty-one",
    "2-methyl-|butane": "2-methyl-butane",
    "2,4-di-|nitrophenol": "2,4-di-nitrophenol",
    "right-|hand": "right-hand",
    "peer-|reviewed": "peer-reviewed",
    "user-|defined": "user-defined",
    "real-|valued": "real-valued",
    "time-|consuming": "time-consuming",
    "cost-|effective": "cost-effective",
    "in-|effective": "ineffective",
    "deutsch-|französische": "deutsch-französische",
    "schwarz-|weiß": "schwarz-weiß",
    "rot-|ten": "rotten",
    "un-|defined": "undefined",
    "mid-|century": "mid-century",
    "mid-|dle": "middle",
    "ex-|husband": "ex-husband",
    "ex-|ample": "example",
    "franco-|allemand": "franco-allemand",
    "franco-|phone": "francophone",
    "contre-|attaque": "contre-attaque",
    "contre-|dire": "contredire",
    "socio-|économique": "socio-économique",
    "socio-|logie": "sociologie",
    "arrière-|plan": "arrière-plan",
    "aujour-|d'hui": "aujourd'hui",
    "est un non-|lieu dans les villes": "est un non-lieu dans les villes",
    "est non-|chalant dans les villes": "est nonchalant dans les villes",
    "mi-|temps": "mi-temps",
    "mi-|lieu": "milieu",
    "COVID-|19": "COVID-19",
    "COVID-|related": "COVID-related",
    "decision-|making": "decision-making",
    "two-|thirds": "two-thirds",
    "ten-|sion": "tension",
    "so-|cial": "social",
    "alpha-|helix": "alpha-helix",
    "alpha-|bet": "alphabet",
    "inter-|related": "interrelated",
    "1990-|1995": "1990-1995",
    "1990–|1995": "1990–1995",
    "Smith-|Jones": "Smith-Jones",
    "INFOR-|MATION": "INFORMATION",
    "\\(\\alpha\\)-|helix": "$\\alpha$-helix",
    "\\textit{infor-}|\\textit{mation}": "*information*",
    "\\textit{infor-|mation}": "*information*",
    "infor- |  mation": "information",
    "infor\u00ad|mation": "information",
    "in\u00adfor\u00ad|ma\u00adtion": "information",
    "infor\u2010|mation": "information",
    "Fahr-|rad": "Fahrrad",
    "Wetter-|lage": "Wetterlage",
    "Ein-|und Ausgang": "Ein- und Ausgang",
    "E-|Mail": "E-Mail",
    "10-|jährig": "10-jährig",
    "l'in-|formation": "l'information",
    "peut-|être dans les villes": "peut-être dans les villes",
    "est-|il dans les rues": "est-il dans les rues",
    "c'est-|à-dire": "c'est-à-dire",
    "thinks -|or knows": "thinks - or knows",
    "word—|another": "word—another",
}


@pytest.mark.parametrize(("divided", "word"), list(WORDS.items()))
def test_a_divided_word_is_one_word(divided: str, word: str) -> None:
    answer = f"So we have read of {divided.replace('|', chr(10))} in books."
    assert to_markdown(parse(answer)) == f"So we have read of {word} in books.\n"


@pytest.mark.parametrize("written", ["Co-operation", "Cooperation"])
def test_a_divided_word_is_written_as_it_stands_elsewhere(written: str) -> None:
    answer = f"{written} is good. We think that our co-\noperation is good."
    assert (
        to_markdown(parse(answer, is_latex=False))
        == f"{written} is good. We think that our {written.lower()} is good.\n"
    )


def test_words_are_joined_in_cells_and_over_page_ends() -> None:
    assert to_text(parse("\\begin{tabular}{l}infor-\nmation \\\\\\end{tabular}")) == "information\n"
    assert to_text(parse_pages(["It is self-", "employed work."])) == "It is self-employed work.\n"
