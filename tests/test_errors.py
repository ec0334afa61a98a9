"""Errors say where, what and what to do, and arrive whole from another process."""

from __future__ import annotations

import pickle

import pytest

from retquant import errors
from retquant.errors import ManifestError, RetquantError

LEAVES = [v for v in vars(errors).values() if isinstance(v, type) and issubclass(v, RetquantError)]


def test_the_message_has_three_parts() -> None:
    error = ManifestError(
        "column 'eye' is missing", where="cohort.csv", remedy="add eye with values OD or OS"
    )
    assert str(error) == "cohort.csv: column 'eye' is missing\nTry: add eye with values OD or OS"


@pytest.mark.parametrize("kind", LEAVES)
def test_an_error_survives_pickling(kind: type[RetquantError]) -> None:
    sent = pickle.loads(pickle.dumps(kind("what", where="here", remedy="do this")))
    assert (type(sent), sent.problem, sent.where, sent.remedy) == (kind, "what", "here", "do this")


@pytest.mark.parametrize("kind", [k for k in LEAVES if k is not RetquantError])
def test_a_leaf_is_also_the_builtin_that_it_refines(kind: type[RetquantError]) -> None:
    assert issubclass(kind, ValueError | RuntimeError)
