"""A large study is screened and its best refitted: the same findings as exact fits of everything."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from retquant.association import associate, screening
from retquant.association.outcome import KINDS

MARKERS = 12


@pytest.fixture(scope="module")
def images() -> pd.DataFrame:
    random = np.random.default_rng(3)
    people = 500
    frame = pd.DataFrame(
        {
            "image_id": [f"i{n}" for n in range(2 * people)],
            "participant_id": np.repeat([f"p{n}" for n in range(people)], 2),
            "eye": ["OD", "OS"] * people,
            "age": np.repeat(random.normal(60, 8, people), 2),
        }
    )
    for index in range(MARKERS):
        frame[f"m{index}"] = np.repeat(random.normal(size=people), 2) + random.normal(size=2 * people)
        frame.loc[random.choice(2 * people, 40 * (index % 3), replace=False), f"m{index}"] = np.nan
    frame["constant"] = 1.0
    own = 0.3 * frame.groupby("participant_id")["m0"].transform("mean")
    noise = np.repeat(random.normal(size=people), 2)
    frame["pressure"] = own + 0.01 * frame["age"] + noise
    frame["ill"] = (own + noise > 0.4).astype(int)
    frame["ill_eye"] = (0.4 * frame["m0"].fillna(0) + random.normal(size=2 * people) > 0.5).astype(int)
    frame["depth"] = 0.4 * frame["m0"].fillna(0) + random.normal(size=2 * people)
    frame["years"] = np.round(np.exp(-own - noise), 2) + 0.01
    frame["died"] = frame["years"] < 2
    frame.attrs["units"] = {**{f"m{i}": "1" for i in range(MARKERS)}, "constant": "1"}
    return frame


ASKED = [
    {"outcome": "pressure"},
    {"outcome": "depth"},
    {"outcome": "ill"},
    {"outcome": "ill_eye"},
    {"outcome": "died", "time": "years"},
]


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked["outcome"])
def test_a_screen_and_refits_find_what_exact_fits_find(
    images, asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = associate(images, covariates=["age"], **asked).table.set_index("biomarker")
    monkeypatch.setattr(screening, "_SMALL", 0)
    found = associate(images, covariates=["age"], refit=3, **asked)
    table = found.table.set_index("biomarker")
    assert any(f"{MARKERS} biomarkers were screened" in note for note in found.study.notes)
    best = list(exact.index[:3])
    assert list(table.index[:3]) == best
    for column in ("effect", "standard_error", "p"):
        assert table.loc[best, column].to_numpy() == pytest.approx(exact.loc[best, column].to_numpy())
    # ties are broken otherwise (Breslow, Efron), and a score test is no Wald test: close, not equal
    rest = [name for name in exact.index[3:] if name != "constant"]
    assert table.loc[rest, "p"].to_numpy() == pytest.approx(exact.loc[rest, "p"].to_numpy(), abs=0.03)
    assert table.loc[rest, "n_people"].tolist() == exact.loc[rest, "n_people"].tolist()
    assert table.loc["constant", "reason"] == "constant"


def test_every_kind_is_either_fast_or_always_exact(images) -> None:
    assert set(screening._FAST) < set(KINDS)
    graded = images.assign(grade=np.repeat(np.arange(len(images) // 2) % 3, 2))
    found = associate(graded, outcome="grade", biomarkers=["m0"])
    assert not any("screened" in note for note in found.study.notes)
