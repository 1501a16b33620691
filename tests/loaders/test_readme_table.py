"""The README's table of metadata is the policy."""

import re
from pathlib import Path

from got_loaders.metadata import KEYS

NAMES = {"langchain": "LangChain", "llama_index": "LlamaIndex", "haystack": "Haystack"}


def test_the_readme_has_every_key_once_with_its_frameworks() -> None:
    readme = (Path(__file__).parent.parent.parent / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+) \| (.+) \|$", readme, re.MULTILINE)
    assert rows == [
        (
            key.name,
            key.type.__name__,
            "all" if len(key.told_to) == len(NAMES) else ", ".join(n for f, n in NAMES.items() if f in key.told_to),
            key.meaning,
        )
        for key in KEYS
    ]
