"""Random small compounds, laid out in the plane by RDKit.

The atom order of canonical SMILES cannot be seen in a drawing. RDKit lays a molecule out along its longest axis; the
drawing is mirrored so that this order runs from left to right, which makes it learnable.
"""

from functools import cache
from typing import Any

import numpy as np

MOST_ATOMS = 14
"""Heavy atoms of the largest molecule."""

# A molecule begins with one of these and grows by them; a piece is joined at its first atom by a single bond.
_CHAINS = ("C", "C", "CC", "CCC", "CCCC", "C=C", "C#C", "C(C)C", "C(C)(C)C")
_RINGS = ("c1ccccc1", "c1ccccc1", "c1ccccc1", "C1CCCCC1", "C1CCCC1", "C1CC1", "c1ccncc1", "C1CCNCC1", "c1ccsc1")
_GROUPS = ("O", "O", "N", "C(=O)O", "C=O", "C#N", "OC", "F", "Cl", "Br", "S", "C(N)=O", "[N+](=O)[O-]", "N(C)C")


@cache
def _piece(smiles: str) -> Any:
    from rdkit import Chem

    return Chem.MolFromSmiles(smiles)


def _random_smiles(rng: np.random.Generator, most: int = MOST_ATOMS) -> str:
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


def _layout(rng: np.random.Generator, smiles: str, training: bool) -> Any:
    """The molecule (atoms in the order of ``smiles``) with coordinates in the plane."""
    from rdkit import Chem
    from rdkit.Chem import rdDepictor

    molecule = Chem.MolFromSmiles(smiles)
    rdDepictor.Compute2DCoords(molecule, canonOrient=True)
    conformer = molecule.GetConformer()
    points = conformer.GetPositions()[:, :2]
    rank = np.arange(len(points)) - (len(points) - 1) / 2
    mirror = np.array([-1.0 if (rank @ points[:, axis]) * sign < 0 else 1.0 for axis, sign in ((0, 1), (1, -1))])
    angle = np.deg2rad(rng.uniform(-180, 180) if training and rng.random() < 0.2 else rng.normal(0, 6))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    for index, (x, y) in enumerate((points * mirror) @ turn):
        conformer.SetAtomPosition(index, (float(x), float(y), 0.0))
    return molecule


def random_compound(rng: np.random.Generator, training: bool) -> tuple[str, Any]:
    """Canonical SMILES, and the molecule laid out in the plane, its atoms in the order of the SMILES.

    In training one in five is rotated by a random angle.
    """
    smiles = _random_smiles(rng)
    return smiles, _layout(rng, smiles, training)
