"""Molecules: canonical SMILES, validity, formula and a drawing by RDKit (extra ``chemistry``).

RDKit runs in a child process, since the layout of a long chain takes it half a minute.
"""

from typing import Any, NamedTuple

from got_runtime.errors import DrawingError
from got_runtime.markup.notation.child_process import in_child_process

# RDKit's ring perception and drawing are not linear; no printed molecule is longer.
_MAX_CHARACTERS = 2000
_MAX_ATOMS = 500  # that are drawn; the drawing of 1,900 takes 15 seconds, and shows no atom that could be told apart


class Structure(NamedTuple):
    """Canonical SMILES, molecular formula and drawing of a molecule."""

    canonical: str
    formula: str
    svg: str


def _molecule(smiles: str) -> Any:
    from rdkit import Chem, rdBase

    rdBase.DisableLog("rdApp.*")
    if not smiles or len(smiles) > _MAX_CHARACTERS:
        return None
    return Chem.MolFromSmiles(smiles.partition(" ")[0])


@in_child_process("chemistry", "rdkit.Chem.Draw.rdMolDraw2D")
def is_valid(smiles: str) -> bool:
    """Whether RDKit accepts the SMILES (syntax, valences, aromaticity).

    Raises:
        MissingExtra: RDKit is not installed.
        DrawingError: RDKit crashed or exceeded a limit.
    """
    return _molecule(smiles) is not None


def structure(smiles: str, *, width: int = 320, height: int = 240) -> Structure | None:
    """Canonical SMILES, molecular formula and an SVG drawing of ``width`` × ``height`` pixels; None if it is not valid.

    Raises:
        MissingExtra: RDKit is not installed.
        DrawingError: RDKit crashed or exceeded a limit, or the molecule has more than 500 atoms or 2,000 characters.
    """
    if len(smiles) > _MAX_CHARACTERS:
        raise DrawingError(f"it has {len(smiles):,} characters, and at most {_MAX_CHARACTERS:,} are drawn")
    found = _structure(smiles, width, height)
    return None if found is None else Structure(*found)


@in_child_process("chemistry", "rdkit.Chem.Draw.rdMolDraw2D")
def _structure(smiles: str, width: int, height: int) -> tuple[str, str, str] | None:
    molecule = _molecule(smiles)
    if molecule is None:
        return None
    if molecule.GetNumAtoms() > _MAX_ATOMS:
        raise DrawingError(f"it has {molecule.GetNumAtoms():,} atoms, and at most {_MAX_ATOMS} are drawn")
    from rdkit import Chem
    from rdkit.Chem import rdMolDescriptors
    from rdkit.Chem.Draw import rdMolDraw2D

    drawing = rdMolDraw2D.MolDraw2DSVG(width, height)
    rdMolDraw2D.PrepareAndDrawMolecule(drawing, molecule)
    drawing.FinishDrawing()
    return Chem.MolToSmiles(molecule), rdMolDescriptors.CalcMolFormula(molecule), drawing.GetDrawingText()
