"""`docs/security.md` promises nothing without a test: each that it names is there, and each table has one a row."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
PAGE = (TESTS.parent / "docs" / "security.md").read_text(encoding="utf-8")
ROWS = [
    line for line in PAGE.splitlines() if line.startswith("|") and not line.startswith(("| claim", "|---"))
]
NAMED = sorted(set(re.findall(r"`((?:[a-z]+/)?test_[a-z_]+\.py)(?:::(test_[a-z_0-9]+))?`", PAGE)))
DESIGNED = (
    "Images are untrusted: size and pixel-count limits before decoding.",
    "A relative path in a manifest, and any link it goes through, must not leave the manifest's folder",
    "an absolute path is the user's own word",
    "confines both",
    "No pickles, no `eval`",
    "Cells that begin with `= + - @` neutralised in CSV exports, every string escaped in HTML.",
    "DICOM identity tags never copied to an output.",
)


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_test_that_is_named_exists(path: str, name: str) -> None:
    tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
    found = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert not name or name in found


def test_every_claim_names_a_test() -> None:
    _, _, claims = PAGE.partition("## Sentence by sentence")
    rows = [row for row in ROWS if row in claims]
    assert len(rows) > 20
    assert [row for row in rows if "test_" not in row.split("|")[-2]] == []


def test_every_sentence_of_the_design_is_there() -> None:
    text = " ".join(PAGE.split())
    assert [sentence for sentence in DESIGNED if sentence not in text] == []
