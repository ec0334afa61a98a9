"""The public names: few, importable, and free until used."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

import retquant


@pytest.mark.parametrize("name", retquant.__all__)
def test_a_public_name_can_be_imported_and_is_documented(name: str) -> None:
    assert getattr(retquant, name).__doc__


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import retquant, sys; print(sorted({'numpy', 'pandas', 'torch', 'dask'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_version_is_the_installed_one() -> None:
    assert version("retquant") == retquant.__version__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = retquant.no_such_name
