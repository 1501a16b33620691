"""docs/metadata.md lists every metadata key."""

import re
from pathlib import Path

from got_loaders.metadata import KEYS

NAMES = {"langchain": "LangChain", "llama_index": "LlamaIndex", "haystack": "Haystack"}


def test_the_table_has_every_key_once_with_its_type_meaning_and_frameworks() -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "metadata.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+) \| (.+) \|$", page, re.MULTILINE)
    expected = [
        (
            key.name,
            key.type.__name__,
            ", ".join(name for each, name in NAMES.items() if each in key.available_in)
            if len(key.available_in) < len(NAMES)
            else "all",
            key.meaning,
        )
        for key in KEYS
    ]
    assert rows == expected, "\n".join(f"| `{' | '.join(row).replace(' | ', '` | ', 1)} |" for row in expected)
