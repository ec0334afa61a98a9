"""A planted shift of devices is taken out, what age explains stays, and effects come back to the truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from retquant.association import associate
from retquant.association.harmonisation import FEWEST, confounding, harmonise
from retquant.errors import AssociationError
from retquant.report.association_page import render_page

PEOPLE = 600
SHIFT = {"alpha": 0.0, "beta": 3.0, "gamma": -2.0}
SCALE = {"alpha": 1.0, "beta": 2.0, "gamma": 0.5}


def cohort(seed: int = 0) -> pd.DataFrame:
    """Three devices that shift and stretch `calibre`; people at beta are older, and age thins vessels."""
    random = np.random.default_rng(seed)
    device = random.choice(list(SHIFT), PEOPLE)
    age = random.normal(size=PEOPLE) + (device == "beta")
    true = -0.5 * age + random.normal(size=PEOPLE)
    person = np.repeat(np.arange(PEOPLE), 2)
    frame = pd.DataFrame(
        {
            "image_id": [f"i{n}" for n in range(2 * PEOPLE)],
            "participant_id": [f"p{n}" for n in person],
            "eye": ["OD", "OS"] * PEOPLE,
            "device": device[person],
            "age": age[person],
            "true": true[person],
            "pressure": (0.6 * true + random.normal(size=PEOPLE))[person],
        }
    )
    noise = 0.2 * random.normal(size=2 * PEOPLE)
    by_age = -0.5 * frame["age"]
    own = frame["true"] + noise - by_age
    frame["calibre"] = by_age + own * frame["device"].map(SCALE) + frame["device"].map(SHIFT)
    frame["density"] = random.normal(size=2 * PEOPLE)
    frame.loc[random.random(2 * PEOPLE) < 0.2, "density"] = np.nan
    frame.attrs["units"] = {"calibre": "um", "density": "1"}
    return frame


def test_groups_have_one_mean_and_spread_given_the_covariates() -> None:
    images = cohort()
    alike, found, left_out = harmonise(images, ["calibre", "density"], "device", ["age"])
    assert left_out == []
    assert alike.attrs == images.attrs
    for name in ("calibre", "density"):
        assert (alike[name].notna() == images[name].notna()).all()
        slope = smf.ols(f"{name} ~ age + C(device)", images).fit().params["age"]
        by_device = (alike[name] - slope * alike["age"]).groupby(alike["device"])
        assert by_device.mean().to_numpy() == pytest.approx(np.full(3, by_device.mean().iloc[0]), abs=1e-9)
        assert by_device.std().to_numpy() == pytest.approx(np.full(3, by_device.std().iloc[0]), rel=1e-9)
    shares = found.table.drop_duplicates("biomarker").set_index("biomarker")
    assert shares.loc["calibre", "share_before"] > 0.5
    assert shares["share_after"].max() < 1e-3  # scaling moves the slope of age a little
    # the share is R² of groups beyond age, as statsmodels has it
    small, full = (smf.ols(f"calibre ~ {terms}", images).fit() for terms in ("age", "age + C(device)"))
    assert shares.loc["calibre", "share_before"] == pytest.approx(1 - full.ssr / small.ssr)


def test_what_age_explains_stays_and_would_not_without_the_covariate() -> None:
    images = cohort()
    older = images.groupby("device")["age"].mean()["beta"] - images.groupby("device")["age"].mean()["alpha"]
    apart = {}
    for covariates in (("age",), ()):
        alike, found, _ = harmonise(images, ["calibre"], "device", covariates)
        means = alike.groupby("device")["calibre"].mean()
        apart[covariates] = means["beta"] - means["alpha"]
        assert found.kept == covariates
    assert apart["age",] == pytest.approx(-0.5 * older, abs=0.1)
    assert apart[()] == pytest.approx(0, abs=1e-9)


def test_the_planted_effect_comes_back() -> None:
    images = cohort()
    options = {"outcome": "pressure", "covariates": ["age"], "biomarkers": ["calibre"]}
    plain = associate(images, **options).table.iloc[0]
    found = associate(images, **options, harmonise="device", robust=1)
    row = found.table.iloc[0]
    truth = associate(images.rename(columns={"calibre": "old", "true": "calibre"}), **options).table.iloc[0]
    assert row["effect"] == pytest.approx(truth["effect"], rel=0.12)
    assert plain["effect"] < 0.7 * truth["effect"]
    assert found.reruns is not None
    again = found.reruns.set_index("variant").loc["not harmonised by device"]
    assert again["p"] == pytest.approx(plain["p"])
    page = render_page(found)
    section = page.split("Harmonised by device")[1].split("<h2")[0]
    assert "with what age explains kept" in section
    assert section.count("<figure>") == 1
    assert section.count('<g class="down">') == 3


def test_small_groups_and_images_without_one_are_left_out_and_counted() -> None:
    images = cohort()
    images.loc[:9, "device"] = "delta"
    images.loc[10:14, "device"] = None
    alike, found, left_out = harmonise(images, ["calibre"], "device", [])
    assert len(alike) == 2 * PEOPLE - 15
    assert [(one.count, one.of_images) for one in left_out] == [(5, True), (10, True)]
    assert [name for name, _ in found.groups] == sorted(
        SHIFT, key=lambda name: -(images["device"] == name).sum()
    )
    step = associate(images, outcome="pressure", harmonise="device").closer
    assert step is not None
    assert {one.what for one in step.flow[0].left_out} == {one.what for one in left_out}


def test_a_biomarker_that_few_images_of_a_group_have_is_missing_there() -> None:
    images = cohort()
    at_beta = images.index[images["device"] == "beta"]
    images.loc[at_beta[FEWEST - 1 :], "density"] = np.nan
    alike, _, _ = harmonise(images, ["density"], "device", [])
    assert alike.loc[at_beta, "density"].isna().all()
    assert alike.loc[images["device"] == "alpha", "density"].notna().any()


def test_devices_that_go_with_the_outcome_are_warned_of() -> None:
    images = cohort()
    assert confounding(images["pressure"], images, "device") is None
    images["diabetes"] = (images["device"] == "beta").astype(float)
    images.loc[::7, "diabetes"] = 1 - images.loc[::7, "diabetes"]
    found = associate(images, outcome="diabetes", harmonise="device")
    assert any("device explains" in warning for warning in found.study.warnings)


@pytest.mark.parametrize(
    ("change", "covariates", "message"),
    [
        ({"device": "one"}, [], "1 different value"),
        ({"device": [f"d{n}" for n in range(2 * PEOPLE)]}, [], "1200 different values"),
        ({"device": ["a"] * (2 * PEOPLE - 3) + ["b"] * 3}, [], "1 value with 20 images or more"),
        ({"hospital": lambda frame: frame["device"].str.upper()}, ["hospital"], "cannot be told from device"),
    ],
)
def test_what_cannot_be_harmonised_is_named(change: dict, covariates: list[str], message: str) -> None:
    with pytest.raises(AssociationError, match=message):
        harmonise(cohort().assign(**change), ["calibre"], "device", covariates)
    with pytest.raises(AssociationError, match="did you mean"):
        harmonise(cohort(), ["calibre"], "devise", [])
