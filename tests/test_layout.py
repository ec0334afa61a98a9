"""The structure of the package: one direction of imports, short files, heavy libraries only where they are used."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "retquant"
FILES = sorted(PACKAGE.rglob("*.py"))

ORDER = (
    ("errors", "units", "resources"),
    ("kept_files",),
    ("kernels",),
    ("config",),
    ("manifest",),
    ("images",),
    ("quality",),
    ("segmentation",),
    ("anatomy",),
    ("vessels",),
    ("biomarkers",),
    ("compatibility",),
    ("tables",),
    ("association", "hygiene"),
    ("report",),
    ("cohort",),
    ("analysis", "pipeline", "worker"),
    ("doctor",),
    ("cli",),
    ("__main__",),
)
RANK = {name: rank for rank, names in enumerate(ORDER) for name in names}
BESIDE = {"phantoms": RANK["vessels"], "training": RANK["anatomy"]}
"""Rooms beside the line: they import what lies left of the given rank."""

HEAVY = {
    "torch": {"segmentation", "training"},
    "torchvision": {"segmentation", "training"},
    "timm": {"segmentation"},
    "peft": {"segmentation"},
    "segment_anything": {"segmentation"},
    "safetensors": {"segmentation", "training"},
    "statsmodels": {"association"},
    "patsy": {"association"},
    "dask": {"cohort"},
    "distributed": {"cohort"},
    "matplotlib": {"report"},
    "skan": {"vessels"},
}
"""Library -> rooms that may import it when they are imported."""


def room(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def module_level(tree: ast.Module) -> Iterator[ast.stmt]:
    """Statements that run when the module is imported (no function bodies, no type-checking blocks)."""
    for node in tree.body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        yield node


def imported(nodes: Iterator[ast.stmt]) -> Iterator[str]:
    for node in nodes:
        for inner in ast.walk(node) if not isinstance(node, ast.FunctionDef | ast.ClassDef) else [node]:
            if isinstance(inner, ast.Import):
                yield from (alias.name for alias in inner.names)
            elif isinstance(inner, ast.ImportFrom) and inner.module:
                yield inner.module


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_every_import_points_left(path: Path) -> None:
    here = room(path)
    if here == "__init__":
        return
    limit = BESIDE.get(here, RANK.get(here))
    assert limit is not None, f"{here} has no place in the order"
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("retquant."):
            names = [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.startswith("retquant.")]
        else:
            continue
        for name in names:
            there = name.split(".")[1]
            if there == here:
                continue
            is_left = there in RANK and (RANK[there] < limit or (here in RANK and RANK[there] == limit))
            is_used_by_cli = here in ("doctor", "cli") and there in BESIDE
            is_shown_to_networks = (here, there) == ("training", "phantoms")  # digital eyes
            beside = is_used_by_cli or is_shown_to_networks
            assert is_left or beside, f"{path.name} imports {name}, which lies right of {here}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_heavy_libraries_are_imported_where_they_are_used(path: Path) -> None:
    for name in imported(module_level(ast.parse(path.read_text(encoding="utf-8")))):
        library = name.split(".")[0]
        if library in HEAVY:
            assert room(path) in HEAVY[library], f"{path} imports {library} at module level"


def test_no_file_is_longer_than_400_lines_and_the_median_is_short() -> None:
    lengths = sorted(
        len(p.read_text(encoding="utf-8").splitlines()) for p in FILES if p.name != "__init__.py"
    )
    longest = max(FILES, key=lambda p: len(p.read_text(encoding="utf-8").splitlines()))
    assert lengths[-1] <= 400, longest
    assert lengths[len(lengths) // 2] <= 150


def test_no_file_is_called_after_nothing() -> None:
    vague = {"utils.py", "helpers.py", "common.py", "misc.py", "core.py"}
    assert not [p for p in FILES if p.name in vague]


def test_every_module_says_why_it_exists() -> None:
    mute = [
        p
        for p in FILES
        if p.read_text(encoding="utf-8").strip() and not ast.get_docstring(ast.parse(p.read_text("utf-8")))
    ]
    assert not mute


@pytest.mark.parametrize("arguments", [["--help"], ["biomarkers", "list"]])
def test_answering_at_once_loads_no_heavy_library(arguments: list[str]) -> None:
    heavy = (*HEAVY, "pandas", "scipy", "skimage", "pyarrow", "cv2", "networkx", "numba")
    code = (
        f"import sys; sys.argv = ['retquant', *{arguments!r}]\n"
        "from retquant.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print('LOADED', sorted({{m.split('.')[0] for m in sys.modules}} & set({heavy!r})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("LOADED []"), done.stdout[-300:]
