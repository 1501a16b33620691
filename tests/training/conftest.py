"""Checkpoints and pairs for the fine-tuning tests."""

from pathlib import Path

import pytest
from helpers.finetuning import NARROW, WIDE, draw, save_network, swift, write_lines


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_network(tmp_path_factory.mktemp("tiny"), NARROW, vision=32, heads=2)


@pytest.fixture(scope="session")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """GOT's widths."""
    return save_network(tmp_path_factory.mktemp("wide"), WIDE, vision=768, heads=12)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Six pages with a word each."""
    words = ["alpha", "beta", "gamma", "delta", "omega", "kappa"]
    return write_lines(tmp_path / "pairs.jsonl", [swift(draw(tmp_path / f"{w}.png", w), w) for w in words])
