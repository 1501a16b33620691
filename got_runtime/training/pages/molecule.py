"""Molecules: small ones drawn by RDKit, and their canonical SMILES.

Canonical SMILES names atoms in an order that cannot be seen. RDKit lays a molecule out along its longest axis; of the
two ways round, the one is drawn in which that order runs from left to right, so that the order can be learnt.
"""

import io
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from got_runtime.errors import MissingExtra
from got_runtime.tasks import Formatted
from got_runtime.training.degrade import wear
from got_runtime.training.faces import Face
from got_runtime.training.pages.figure import SQUARE, Box, Mark, PlacedText, around, canvas_size, colours, sample
from got_runtime.training.sample import PageSample

MOST_ATOMS = 14
"""Heavy atoms of the largest molecule."""

# What a molecule grows from and by; each piece is joined at its first atom by a single bond.
_CHAINS = ("C", "C", "CC", "CCC", "CCCC", "C=C", "C#C", "C(C)C", "C(C)(C)C")
_RINGS = ("c1ccccc1", "c1ccccc1", "c1ccccc1", "C1CCCCC1", "C1CCCC1", "C1CC1", "c1ccncc1", "C1CCNCC1", "c1ccsc1")
_GROUPS = ("O", "O", "N", "C(=O)O", "C=O", "C#N", "OC", "F", "Cl", "Br", "S", "C(N)=O", "[N+](=O)[O-]", "N(C)C")

_TOKEN = re.compile(r"\[[^\]]+\]|Cl|Br|[A-Za-z]|%\d\d|.")


@cache
def _piece(smiles: str) -> Any:
    from rdkit import Chem

    return Chem.MolFromSmiles(smiles)


def random_smiles(rng: np.random.Generator, most: int = MOST_ATOMS) -> str:
    """Canonical SMILES of a molecule of up to ``most`` heavy atoms, grown from chains, rings and functional groups."""
    from rdkit import Chem

    wanted = int(rng.integers(3, most + 1))
    start = _RINGS if wanted > 5 and rng.random() < 0.6 else _CHAINS
    molecule = _piece(start[rng.integers(len(start))])
    for _ in range(12):
        if molecule.GetNumAtoms() >= wanted:
            break
        pieces = (_CHAINS, _RINGS, _GROUPS)[rng.choice(3, p=[0.35, 0.15, 0.5])]
        piece = _piece(pieces[rng.integers(len(pieces))])
        size = molecule.GetNumAtoms()
        carbon_first = piece.GetAtomWithIdx(0).GetSymbol() == "C"
        # Two heteroatoms side by side are rare in print.
        open_atoms = [
            atom.GetIdx()
            for atom in molecule.GetAtoms()
            if atom.GetTotalNumHs() and (carbon_first or atom.GetSymbol() == "C")
        ]
        if size + piece.GetNumAtoms() > most or not open_atoms:
            continue
        joined = Chem.RWMol(Chem.CombineMols(molecule, piece))
        joined.AddBond(int(rng.choice(open_atoms)), size, Chem.BondType.SINGLE)
        Chem.SanitizeMol(joined)
        molecule = joined.GetMol()
    return str(Chem.MolToSmiles(molecule))


def _drawn(
    rng: np.random.Generator, smiles: str, training: bool
) -> tuple[Image.Image, Any, list[tuple[float, float]], float]:
    """The picture, the molecule (atoms in the order of ``smiles``), the atoms' pixels and a bond's length in pixels."""
    from rdkit import Chem
    from rdkit.Chem import rdDepictor
    from rdkit.Chem.Draw import rdMolDraw2D

    molecule = Chem.MolFromSmiles(smiles)
    rdDepictor.Compute2DCoords(molecule, canonOrient=True)
    conformer = molecule.GetConformer()
    places = conformer.GetPositions()
    order = np.arange(len(places)) - (len(places) - 1) / 2
    mirror = np.array([-1.0 if (order @ places[:, axis]) * sign < 0 else 1.0 for axis, sign in ((0, 1), (1, -1))])
    angle = np.deg2rad(rng.uniform(-180, 180) if training and rng.random() < 0.2 else rng.normal(0, 6))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    for index, (x, y) in enumerate((places[:, :2] * mirror) @ turn):
        conformer.SetAtomPosition(index, (float(x), float(y), 0.0))

    width, height = canvas_size(rng)
    drawing = rdMolDraw2D.MolDraw2DCairo(width, height)
    options: Any = drawing.drawOptions()  # its type stubs hold no values
    paper, ink = colours(rng)
    if rng.random() < 0.6:
        options.useBWAtomPalette()
        options.setSymbolColour(tuple(c / 255 for c in ink))
    options.setBackgroundColour(tuple(c / 255 for c in paper))
    scale = max(width, height) / SQUARE
    options.fixedBondLength = float(rng.uniform(85, 130) * scale)
    options.fixedFontSize = int(rng.uniform(38, 48) * scale)
    options.bondLineWidth = float(rng.uniform(2.0, 4.5))
    options.multipleBondOffset = float(rng.uniform(0.13, 0.2))
    options.padding = float(rng.uniform(0.06, 0.12))
    rdMolDraw2D.PrepareAndDrawMolecule(drawing, molecule)
    drawing.FinishDrawing()
    image = Image.open(io.BytesIO(drawing.GetDrawingText())).convert("RGB")
    points = [(p.x, p.y) for p in map(drawing.GetDrawCoords, range(molecule.GetNumAtoms()))]
    lengths = [
        np.hypot(*np.subtract(points[bond.GetBeginAtomIdx()], points[bond.GetEndAtomIdx()]))
        for bond in molecule.GetBonds()
    ]
    return image, molecule, points, float(np.mean(lengths)) if lengths else 100.0 * scale


def _between(a: Box, b: Box) -> Box:
    return (a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (a[2] + b[2]) / 2, (a[3] + b[3]) / 2


def smiles_places(smiles: str, atoms: Sequence[Box]) -> list[Box]:
    """A box for each character of ``smiles``: atoms their own, bonds the middle of the bond, the rest its atom's."""
    tokens = _TOKEN.findall(smiles)
    boxes: list[Box] = []
    branches: list[int] = []
    current, seen = 0, 0
    for position, token in enumerate(tokens):
        if token[0] == "[" or token[0].isalpha():
            current, seen = seen, seen + 1
        elif token == "(":
            branches.append(current)
        elif token == ")":
            current = branches.pop()
        box = atoms[current]
        following = tokens[position + 1] if position + 1 < len(tokens) else ""
        if token in "=#-:" and following[:1] not in "0123456789%":
            box = _between(box, atoms[seen])
        boxes += [box] * len(token)
    return boxes


def make(seed: tuple[int, int], faces: Sequence[Face], training: bool) -> PageSample:
    """One molecule of up to 14 heavy atoms. Its letters are RDKit's own: ``faces`` have no part in it.

    Raises:
        MissingExtra: RDKit is not installed.
    """
    rng = np.random.default_rng(seed)
    try:
        smiles = random_smiles(rng)
        image, molecule, points, bond_length = _drawn(rng, smiles, training)
    except ModuleNotFoundError as error:
        raise MissingExtra("train", error.name or "rdkit") from error
    atoms = [around(x, y, 0.22 * bond_length) for x, y in points]
    marks: list[Mark] = []
    for bond in molecule.GetBonds():
        kind = "~" if bond.GetIsAromatic() else {1.0: "-", 2.0: "=", 3.0: "#"}[bond.GetBondTypeAsDouble()]
        marks.append((f"bond:{kind}", _between(atoms[bond.GetBeginAtomIdx()], atoms[bond.GetEndAtomIdx()])))
    marks += [(_atom_name(atom), box) for atom, box in zip(molecule.GetAtoms(), atoms, strict=True)]
    answer = PlacedText()
    answer.markup("<smiles>")
    answer.printed(smiles, smiles_places(smiles, atoms))
    answer.markup("</smiles>")
    return sample(wear(image, rng), answer, marks, "RDKit", seed, Formatted())


def _atom_name(atom: Any) -> str:
    """A carbon that is no letter by its number of neighbours, any other atom by the letters drawn."""
    symbol = str(atom.GetSymbol())
    if symbol == "C" and atom.GetDegree():
        return f"atom:c{atom.GetDegree()}" if atom.GetIsAromatic() else f"atom:C{atom.GetDegree()}"
    return f"atom:{symbol}" if len(symbol) > 1 or atom.GetFormalCharge() else symbol
