"""The code itself: nothing in it runs, loads or trusts what a stranger wrote, and who looks for more finds it here."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "retquant"
TREES = {
    path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
}

PICKLES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "jsonpickle"}
LOADERS = {"read_pickle", "to_pickle", "load_module", "literal_eval", "unsafe_load", "full_load", "load_all"}
NETWORK = {
    "urllib.request",
    "http",
    "requests",
    "ftplib",
    "smtplib",
    "aiohttp",
    "httpx",
    "fsspec",
    "s3fs",
    "gcsfs",
}
PROGRAMS = {"subprocess", "pty", "webbrowser", "os.system", "os.popen"}


def imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def who_imports(names: set[str]) -> set[str]:
    return {
        path
        for path, tree in TREES.items()
        if any(name in names or name.split(".")[0] in names for name in imports(tree))
    }


def keyword(call: ast.Call, name: str) -> str:
    return next((ast.unparse(given.value) for given in call.keywords if given.arg == name), "")


def test_pickles_are_read_in_one_place_the_users_own_cache_of_compiled_code() -> None:
    assert who_imports(PICKLES) == {"kernels.py"}


@pytest.mark.parametrize("path", TREES)
def test_nothing_is_evaluated_and_no_loader_runs_code(path: str) -> None:
    for name, call in calls(TREES[path]):
        last = name.rpartition(".")[2]
        assert name not in ("eval", "exec", "compile", "__import__"), f"{path}:{call.lineno}"
        assert last not in LOADERS, f"{path}:{call.lineno}"
        if name in ("np.load", "numpy.load"):
            assert keyword(call, "allow_pickle") == "False", f"{path}:{call.lineno}"
        if name == "torch.load":
            assert keyword(call, "weights_only") == "True", f"{path}:{call.lineno}"
        if name == "yaml.load":
            assert keyword(call, "Loader") == "yaml.SafeLoader", f"{path}:{call.lineno}"
        if name == "yaml.dump":
            assert keyword(call, "Dumper"), f"{path}:{call.lineno}"


def test_checkpoints_of_torch_are_read_in_one_place_against_a_pinned_hash() -> None:
    readers = {path for path, tree in TREES.items() for name, _ in calls(tree) if name == "torch.load"}
    assert readers == {"segmentation/checkpoints.py"}


def test_the_network_is_asked_in_three_places_each_at_the_users_word() -> None:
    """An address in a manifest; `models fetch`; and workers on a Slurm, Kubernetes or SSH cluster."""
    assert who_imports(NETWORK) == {"images/remote.py", "segmentation/checkpoints.py"}


def test_no_other_program_is_started() -> None:
    assert who_imports(PROGRAMS) == set()
    for path, tree in TREES.items():
        for name, call in calls(tree):
            assert name not in PROGRAMS, f"{path}:{call.lineno}"
            assert keyword(call, "shell") in ("", "False"), f"{path}:{call.lineno}"


def test_pages_escape_all_that_they_show() -> None:
    for path, tree in TREES.items():
        for name, call in calls(tree):
            if name.endswith("Environment") and "jinja2" in name:
                assert keyword(call, "autoescape") == "True", f"{path}:{call.lineno}"
            assert not name.endswith("Markup"), f"{path}:{call.lineno}"
    for template in sorted(PACKAGE.rglob("*.j2")):
        text = template.read_text(encoding="utf-8")
        assert "|safe" not in text.replace(" ", ""), template.name
        assert "autoescape" not in text, template.name
        assert ".innerHTML" not in text, template.name
        assert "document.write" not in text, template.name


def test_csv_files_for_people_go_through_the_one_place_that_marks_formulas() -> None:
    writers = {
        path
        for path, tree in TREES.items()
        for name, _ in calls(tree)
        if name.endswith((".to_csv", "csv.writer", ".DictWriter", "write_csv"))
    }
    marked = {path for path in writers if "retquant.manifest.formulas" in set(imports(TREES[path]))}
    of_our_own_words = {"training/sweep_table.py", "phantoms/cohort_files.py", "phantoms/cohort.py"}
    by_another = {"cli/reliability.py"}  # by a method in association/reliability/table.py
    assert writers - marked <= of_our_own_words | by_another
