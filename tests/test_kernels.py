"""Compiled kernels are kept between processes, and what is kept is never another kernel's code."""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import retquant.biomarkers
import retquant.vessels
from retquant.kernels import kernel, meaning

DATA = np.arange(5, dtype=np.float64)

INNER = """
from retquant.kernels import kernel

FACTOR = {factor}

@kernel
def scaled(value):
    return FACTOR * value
"""
OUTER = """
import numpy as np
from retquant.kernels import kernel
import {inner} as inner
from {inner} import scaled

@kernel
def total(values):
    answer = 0.0
    for value in values:
        answer += scaled(value)
    return answer
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RETQUANT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("RETQUANT_KERNEL_CACHE", raising=False)
    return tmp_path / "cache" / "kernels"


def second(values: np.ndarray, index: int) -> float:
    return values[index] + 1.0


def was_loaded(compiled: Any) -> bool:
    assert sum(compiled.stats.cache_hits.values()) + sum(compiled.stats.cache_misses.values()) == 1
    return bool(compiled.stats.cache_hits)


def kept(folder: Path) -> list[Path]:
    return sorted(folder.glob("*")) if folder.is_dir() else []


def test_a_kernel_is_compiled_once_and_loaded_after_that(own_cache: Path) -> None:
    first, again = kernel(second), kernel(second)
    assert first(DATA, 1) == again(DATA, 1) == 2.0
    assert not was_loaded(first)
    assert was_loaded(again)
    assert [path.name.rpartition("-")[0] for path in kept(own_cache)] == [f"{__name__}.second"]
    assert again(DATA.astype(np.float32), 1) == 2.0  # other types are compiled anew
    assert len(kept(own_cache)) == 2


@pytest.mark.parametrize("damage", ["truncated", "one bit", "empty", "another kernel's"])
def test_a_damaged_file_is_compiled_anew_and_mended(own_cache: Path, damage: str) -> None:
    def other(values: np.ndarray, index: int) -> float:
        return values[index] - 1.0

    kernel(second)(DATA, 1)
    (path,) = kept(own_cache)
    content = path.read_bytes()
    if damage == "another kernel's":
        kernel(other)(DATA.astype(np.float32), 1)
        content = next(each for each in kept(own_cache) if "other" in each.name).read_bytes()
    broken = {
        "truncated": content[: len(content) // 2],
        "one bit": content[:200] + bytes([content[200] ^ 4]) + content[201:],
        "empty": b"",
        "another kernel's": content,
    }
    path.write_bytes(broken[damage])
    mended, after = kernel(second), kernel(second)
    assert mended(DATA, 1) == 2.0
    assert not was_loaded(mended)
    assert after(DATA, 1) == 2.0
    assert was_loaded(after)


def test_code_without_checks_of_bounds_is_not_read_where_they_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kernel(second)(DATA, 1)
    monkeypatch.setattr("numba.core.config.BOUNDSCHECK", 1)
    with pytest.raises(IndexError):
        kernel(second)(DATA, 5)


def test_options_of_the_compiler_tell_kernels_apart() -> None:
    assert meaning(kernel(second)) != meaning(kernel(second, fastmath={"reassoc"}))
    assert meaning(kernel(second)) == meaning(kernel(second))


def written(folder: Path, name: str, source: str) -> ModuleType:
    (folder / f"{name}.py").write_text(source, encoding="utf-8")
    sys.modules.pop(name, None)
    importlib.invalidate_caches()
    return importlib.import_module(name)


def test_a_kernel_is_compiled_anew_when_one_that_it_calls_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    totals = []
    for factor in (2.0, 3.5, 2.0):
        written(tmp_path, "sample_inner", INNER.format(factor=factor))
        outer = written(tmp_path, "sample_outer", OUTER.format(inner="sample_inner"))
        totals.append((outer.total(DATA), was_loaded(outer.total)))
    assert totals == [(20.0, False), (35.0, False), (20.0, True)]


def test_processes_that_start_at_once_on_an_empty_cache_agree(tmp_path: Path, own_cache: Path) -> None:
    (tmp_path / "sample_inner.py").write_text(INNER.format(factor=2.0), encoding="utf-8")
    (tmp_path / "sample_outer.py").write_text(OUTER.format(inner="sample_inner"), encoding="utf-8")
    script = """
import sys
import numpy as np
from sample_outer import total
kinds = ["f8", "f4", "i8", "u1"]
for kind in kinds if sys.argv[1] == "0" else reversed(kinds):
    assert total(np.arange(5).astype(kind)) == 20.0, kind
print(sum(total.stats.cache_misses.values()))
"""
    around = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}

    def started(turn: int) -> subprocess.Popen:
        command = [sys.executable, "-c", script, str(turn)]
        return subprocess.Popen(command, env=around, text=True, stdout=subprocess.PIPE)

    at_once = [started(turn) for turn in (0, 1)]
    assert [process.wait() for process in at_once] == [0, 0]
    for process in at_once:
        process.stdout.close()
    later = started(1)
    assert later.communicate()[0].split() == ["0"]  # compiles nothing
    assert not [path for path in kept(own_cache) if path.name.startswith(".")]


@pytest.mark.parametrize("obstacle", ["a file", "no leave", "open to others"])
def test_a_folder_that_cannot_be_used_only_costs_time(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch, obstacle: str
) -> None:
    if obstacle == "a file":
        own_cache.parent.write_text("in the way")
    elif obstacle == "no leave":
        monkeypatch.setattr(Path, "write_bytes", lambda *_: (_ for _ in ()).throw(PermissionError()))
    else:
        kernel(second)(DATA, 1)
        own_cache.chmod(0o777)
    compiled = kernel(second)
    assert compiled(DATA, 1) == 2.0
    assert not was_loaded(compiled)


def test_nothing_is_kept_where_that_is_switched_off(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETQUANT_KERNEL_CACHE", "0")
    assert kernel(second)(DATA, 1) == 2.0
    assert not kept(own_cache)


def test_what_was_long_not_used_is_removed_when_the_kernel_is_compiled_anew(own_cache: Path) -> None:
    kernel(second)(DATA, 1)
    (old,) = kept(own_cache)
    long_ago = old.stat().st_mtime - 100 * 86_400
    os.utime(old, (long_ago, long_ago))
    kernel(second)(DATA.astype(np.float32), 1)
    assert old not in kept(own_cache)
    assert len(kept(own_cache)) == 1


def test_a_constant_whose_value_cannot_be_told_is_refused() -> None:
    place = retquant.vessels.build_graph

    def odd() -> object:
        return place

    with pytest.raises(TypeError, match="may change unseen"):
        meaning(kernel(odd))


def test_all_kernels_of_the_package_can_be_kept() -> None:
    kernels = {}
    for room in (retquant.vessels, retquant.biomarkers):
        for found in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
            for each in vars(importlib.import_module(found.name)).values():
                if hasattr(each, "py_func"):
                    kernels[f"{each.py_func.__module__}.{each.py_func.__name__}"] = meaning(each)
    assert len(kernels) > 50
    assert len(set(kernels.values())) == len(kernels)
