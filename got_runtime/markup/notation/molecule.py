"""Molecules: canonical SMILES, validity, formula and a drawing by RDKit (extra ``chemistry``)."""

from typing import Any, NamedTuple

from got_runtime.errors import MissingExtra

# RDKit's ring perception and drawing are not linear; no printed molecule is longer.
_MAX_CHARACTERS = 2000


class Structure(NamedTuple):
    """Canonical SMILES, molecular formula and drawing of a molecule."""

    canonical: str
    formula: str
    svg: str


def _molecule(smiles: str) -> Any:
    try:
        from rdkit import Chem, rdBase
    except ImportError as error:
        raise MissingExtra("chemistry", "rdkit") from error
    rdBase.DisableLog("rdApp.*")
    if not smiles or len(smiles) > _MAX_CHARACTERS:
        return None
    return Chem.MolFromSmiles(smiles.partition(" ")[0])


def is_valid(smiles: str) -> bool:
    """Whether RDKit accepts the SMILES (syntax, valences, aromaticity).

    Raises:
        MissingExtra: RDKit is not installed.
    """
    return _molecule(smiles) is not None


def structure(smiles: str, *, width: int = 320, height: int = 240) -> Structure | None:
    """Canonical SMILES, molecular formula and an SVG drawing of ``width`` × ``height`` pixels; None if it is not valid.

    Raises:
        MissingExtra: RDKit is not installed.
    """
    molecule = _molecule(smiles)
    if molecule is None:
        return None
    from rdkit import Chem
    from rdkit.Chem import rdMolDescriptors
    from rdkit.Chem.Draw import rdMolDraw2D

    drawing = rdMolDraw2D.MolDraw2DSVG(width, height)
    rdMolDraw2D.PrepareAndDrawMolecule(drawing, molecule)
    drawing.FinishDrawing()
    return Structure(
        canonical=Chem.MolToSmiles(molecule),
        formula=rdMolDescriptors.CalcMolFormula(molecule),
        svg=drawing.GetDrawingText(),
    )
