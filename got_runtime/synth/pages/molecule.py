"""Kind ``molecule``: small molecules drawn by RDKit, and their canonical SMILES with the box of each atom or bond."""

import io
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from got_runtime.errors import MissingExtra
from got_runtime.synth.degrade import degrade
from got_runtime.synth.faces import Face
from got_runtime.synth.pages.compound import random_compound
from got_runtime.synth.pages.figure import Box, FigureAnswer, LabelledBox, around, canvas_size, colours, sample
from got_runtime.synth.sample import VIEW_SIDE, PageSample
from got_runtime.tasks import Formatted

_TOKEN = re.compile(r"\[[^\]]+\]|Cl|Br|[A-Za-z]|%\d\d|.")


def _drawn(rng: np.random.Generator, molecule: Any) -> tuple[Image.Image, list[tuple[float, float]], float]:
    """The picture, the pixels of the atoms and the length of a bond in pixels."""
    from rdkit.Chem.Draw import rdMolDraw2D

    width, height = canvas_size(rng)
    drawing = rdMolDraw2D.MolDraw2DCairo(width, height)
    options: Any = drawing.drawOptions()  # its type stubs hold no values
    paper, ink = colours(rng)
    if rng.random() < 0.6:
        options.useBWAtomPalette()
        options.setSymbolColour(tuple(c / 255 for c in ink))
    options.setBackgroundColour(tuple(c / 255 for c in paper))
    scale = max(width, height) / VIEW_SIDE
    options.fixedBondLength = float(rng.uniform(85, 130) * scale)
    options.fixedFontSize = int(rng.uniform(38, 48) * scale)
    options.bondLineWidth = float(rng.uniform(2.0, 4.5))
    options.multipleBondOffset = float(rng.uniform(0.13, 0.2))
    options.padding = float(rng.uniform(0.06, 0.12))
    rdMolDraw2D.PrepareAndDrawMolecule(drawing, molecule)
    drawing.FinishDrawing()
    image = Image.open(io.BytesIO(drawing.GetDrawingText())).convert("RGB")
    points = [(p.x, p.y) for p in map(drawing.GetDrawCoords, range(molecule.GetNumAtoms()))]
    pairs = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in molecule.GetBonds()]
    return image, points, float(np.mean([math.dist(points[a], points[b]) for a, b in pairs]))


def _between(a: Box, b: Box) -> Box:
    return (a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (a[2] + b[2]) / 2, (a[3] + b[3]) / 2


def smiles_boxes(smiles: str, atoms: Sequence[Box]) -> list[Box]:
    """A box for each character of ``smiles``: atoms their own, bonds the middle of the bond, the rest its atom's."""
    tokens = _TOKEN.findall(smiles)
    boxes: list[Box] = []
    branches: list[int] = []
    current, count = 0, 0
    for position, token in enumerate(tokens):
        if token[0] == "[" or token[0].isalpha():
            current, count = count, count + 1
        elif token == "(":
            branches.append(current)
        elif token == ")":
            current = branches.pop()
        box = atoms[current]
        following = tokens[position + 1] if position + 1 < len(tokens) else ""
        if token in "=#-:" and following[:1] not in "0123456789%":
            box = _between(box, atoms[count])
        boxes += [box] * len(token)
    return boxes


def make(seed: tuple[int, int], faces: Sequence[Face], training: bool) -> PageSample:
    """One molecule of up to 14 heavy atoms. Its letters are in RDKit's own face: ``faces`` are not used.

    Raises:
        MissingExtra: RDKit is not installed.
    """
    rng = np.random.default_rng(seed)
    try:
        smiles, molecule = random_compound(rng, training)
        image, points, bond_length = _drawn(rng, molecule)
    except ModuleNotFoundError as error:
        raise MissingExtra("train", error.name or "rdkit") from error
    atoms = [around(x, y, 0.22 * bond_length) for x, y in points]
    symbols: list[LabelledBox] = []
    for bond in molecule.GetBonds():
        kind = "~" if bond.GetIsAromatic() else {1.0: "-", 2.0: "=", 3.0: "#"}[bond.GetBondTypeAsDouble()]
        symbols.append((f"bond:{kind}", _between(atoms[bond.GetBeginAtomIdx()], atoms[bond.GetEndAtomIdx()])))
    symbols += [(_atom_name(atom), box) for atom, box in zip(molecule.GetAtoms(), atoms, strict=True)]
    answer = FigureAnswer()
    answer.markup("<smiles>")
    answer.printed(smiles, smiles_boxes(smiles, atoms))
    answer.markup("</smiles>")
    return sample(degrade(image, rng), answer, symbols, "RDKit", seed, Formatted())


def _atom_name(atom: Any) -> str:
    """Name of a symbol: a carbon without a letter by its number of neighbours, any other atom by its letters."""
    symbol = str(atom.GetSymbol())
    if symbol == "C" and atom.GetDegree():
        return f"atom:c{atom.GetDegree()}" if atom.GetIsAromatic() else f"atom:C{atom.GetDegree()}"
    return f"atom:{symbol}" if len(symbol) > 1 or atom.GetFormalCharge() else symbol
