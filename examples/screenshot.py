"""Renders an answer of GOT as HTML and takes a screenshot: examples/screenshot.png, the picture in docs/quickstart.md.

python examples/screenshot.py        (needs Chromium, a mathematics font such as Debian's fonts-stix,
                                     and got-ocr[chemistry,music,charts])
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageChops

from got_runtime.markup import parse, to_html

HERE = Path(__file__).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

# Written for this picture, in the dialect that the weights were trained to write and with two of its flaws, which
# got_runtime.markup repairs: full-width punctuation in TikZ and a table without its end.
ANSWER = r"""\title{
Aspirin and a Waltz
}

\author{
A. Author \({ }^{1}\), B. Author \({ }^{1,2}\)
}

\section*{1 Kinetics}
The drug \(\mathrm{C}_{9} \mathrm{H}_{8} \mathrm{O}_{4}\) decays with a rate that follows
\[
k(T)=A \exp \left(-\frac{E_{a}}{R T}\right), \quad
\bar{k}=\frac{1}{n} \sum_{i=1}^{n} \sqrt{k_{i}^{2}+\sigma^{2}} \tag{1}
\]

<smiles>CC(=O)Oc1ccccc1C(=O)O</smiles>

\begin{table}
\caption{Table 1: Half-lives in hours, \(n=12\).}
\begin{tabular}{|l|c|c|c|}
\hline \multirow{2}{*}{Medium} & \multicolumn{2}{c|}{\(t_{1/2}\) at} & \multirow{2}{*}{Note} \\
\cline{2-3} & \(25^{\circ} \mathrm{C}\) & \(37^{\circ} \mathrm{C}\) & \\
\hline water & 52.1 & 13.4 & buffered \\
\hline \multicolumn{2}{|c|}{plasma, not measured cold} & 0.31 & \textbf{fast} \\
\hline

\section*{2 A waltz}
**kern	**kern
*clefF4	*clefG2
*k[b-]	*k[b-]
*M3/4	*M3/4
=1	=1
2.F	4cc
.	8aL
.	8b-J
.	4cc
=2	=2
2.C	4.g
.	8a
.	4b-
=3	=3
2.FF	2.a
==	==
*-	*-

\section*{3 A triangle}
\begin{tikzpicture}
\coordinate (A) at (0，0);
\coordinate (B) at (4,0);
\coordinate (C) at (1.2,2.6);
\draw (A) -- (B) -- (C) -- cycle；
\node[below left] at (A) {A};
\node[below right] at (B) {B};
\node[above] at (C) {C};
\end{tikzpicture}
"""


def main() -> int:
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        print("no Chromium found: install one, e.g. apt-get install chromium", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        page, shot = Path(folder) / "page.html", Path(folder) / "shot.png"
        page.write_text(to_html(parse(ANSWER), title="Aspirin and a Waltz"), encoding="utf-8")
        settings = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=820,2400")
        subprocess.run([browser, *settings, f"--screenshot={shot}", page.as_uri()], check=True, capture_output=True)
        picture = Image.open(shot).convert("RGB")
    used = ImageChops.difference(picture, Image.new("RGB", picture.size, "white")).getbbox()
    height = used[3] + 24 if used else picture.height
    picture.crop((0, 0, picture.width, min(height, picture.height))).quantize(64).save(
        HERE / "screenshot.png", optimize=True
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
