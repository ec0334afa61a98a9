"""Exports read back by the rules of their formats, and refusals where a format cannot hold what was asked for."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from retquant.association.export import FORMATS, person_table, read_ids, with_genetic_ids
from retquant.association.transforms import TRANSFORMS, transformed
from retquant.errors import AssociationError

CALIBRE, DENSITY = "artery_calibre_length_weighted_field", "vessel_area_density_field"
LONG = "vessel_tortuosity_" + "distance_" * 4 + "median_zone_b"


@pytest.fixture
def images() -> pd.DataFrame:
    random = np.random.default_rng(6)
    people = 30
    frame = pd.DataFrame(
        {
            "image_id": [f"i{n}" for n in range(2 * people)],
            "participant_id": np.repeat([f"{n:03d}" for n in range(people)], 2),
            "eye": ["OD", "OS"] * people,
            "age": np.repeat(random.normal(60, 8, people), 2),
            "clinic": np.repeat(["North Wing", "Süd", None] * 10, 2),
            CALIBRE: random.normal(90, 9, 2 * people),
            DENSITY: random.lognormal(-2, 0.3, 2 * people),
            LONG + "_1": random.normal(size=2 * people),
            LONG + "_2": random.normal(size=2 * people),
        }
    )
    frame.loc[3, CALIBRE] = np.nan  # one eye of a person
    frame.loc[[4, 5], CALIBRE] = np.nan  # both eyes of another
    frame.attrs["units"] = {CALIBRE: "um", DENSITY: "1", LONG + "_1": "1", LONG + "_2": "1"}
    frame.attrs["definitions"] = {CALIBRE: 'Width, "weighted" by length.'}
    return frame


def table_of(images: pd.DataFrame, **changes):
    return person_table(images, **{"covariates": ["age", "clinic"], **changes})


def test_a_person_has_the_mean_of_the_eyes_that_could_be_measured(images) -> None:
    table = table_of(images)
    assert table.values.loc["000", CALIBRE] == pytest.approx(images[CALIBRE][:2].mean())
    assert table.values.loc["001", CALIBRE] == pytest.approx(images[CALIBRE][2])
    assert np.isnan(table.values.loc["002", CALIBRE])
    assert table.values.loc["001", "clinic"] == "Süd"
    both = table_of(images, eyes="both").values
    assert both.loc["001", CALIBRE + "_od"] == pytest.approx(images[CALIBRE][2])
    assert np.isnan(both.loc["001", CALIBRE + "_os"])
    assert table_of(images, eyes="left").values.loc["000", CALIBRE] == pytest.approx(images[CALIBRE][1])


def test_csv_is_read_back_with_ids_as_they_were(images, tmp_path: Path) -> None:
    table = table_of(images)
    FORMATS["csv"](table, tmp_path)
    read = pd.read_csv(tmp_path / "people.csv", dtype={"participant_id": str}).set_index("participant_id")
    assert list(read.index) == list(table.values.index)
    assert read[CALIBRE].to_numpy() == pytest.approx(table.values[CALIBRE].to_numpy(), rel=1e-8, nan_ok=True)
    told = pd.read_csv(tmp_path / "columns.csv").set_index("column")
    assert told.loc[CALIBRE, "unit"] == "um"


def test_stata_is_read_back_under_names_that_it_can_hold(images, tmp_path: Path) -> None:
    table = table_of(images)
    FORMATS["stata"](table, tmp_path)
    names = pd.read_csv(tmp_path / "columns.csv").set_index("column")["stata"]
    assert names.str.len().max() <= 32
    assert names.is_unique
    assert names.str.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*").all()
    with pd.io.stata.StataReader(tmp_path / "people.dta") as reader:
        read, labels = reader.read(), reader.variable_labels()
    assert list(read["participant_id"]) == list(table.values.index)
    for column in (CALIBRE, LONG + "_1", LONG + "_2"):
        assert read[names[column]].to_numpy() == pytest.approx(table.values[column].to_numpy(), nan_ok=True)
    assert labels[names[CALIBRE]] == 'Width, "weighted" by length.'


def test_r_reads_its_script(images, tmp_path: Path) -> None:
    """R is not here: each line of the script is held to its grammar, and the table it reads to CSV's."""
    FORMATS["r"](table_of(images), tmp_path)
    lines = (tmp_path / "people.R").read_text(encoding="utf-8").splitlines()
    text = r'"(?:[^"\\]|\\["\\])*"'
    attributes = [line for line in lines if line.startswith("attr(")]
    assert len(attributes) == 2 * 4
    for line in attributes:
        assert re.fullmatch(rf'attr\(people\[\[{text}\]\], "(units|label)"\) <- {text}', line)
    assert any('"Width, \\"weighted\\" by length."' in line for line in attributes)
    assert (tmp_path / "people.csv").is_file()


@pytest.mark.parametrize(("form", "first"), [("regenie", "FID"), ("plink", "#FID")])
def test_genome_wide_files_keep_the_rules_of_their_programs(
    images, tmp_path: Path, form: str, first: str
) -> None:
    table = table_of(images, transform="rank")
    paths = FORMATS[form](table, tmp_path)
    assert [path.name for path in paths] == ["phenotypes.txt", "covariates.txt"]
    for path in paths:
        rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
        assert rows[0][:2] == [first, "IID"]
        assert {len(row) for row in rows} == {len(rows[0])}  # no blank within a name, an id or a text
        assert [row[1] for row in rows[1:]] == list(table.values.index)
    phenotypes = pd.read_csv(paths[0], sep=r"\s+", dtype={first: str, "IID": str})
    assert (
        phenotypes.set_index("IID").loc["002", CALIBRE] != phenotypes.set_index("IID").loc["002", CALIBRE]
    )  # NA
    assert "\tNA\t" in paths[0].read_text(encoding="utf-8")
    covariates = pd.read_csv(paths[1], sep=r"\s+", dtype=str, keep_default_na=False)
    assert set(covariates["clinic"]) == {"North_Wing", "Süd", "NA"}


def test_ids_of_genotypes_take_the_place_of_those_of_the_pictures(images, tmp_path: Path) -> None:
    (tmp_path / "ids.csv").write_text("participant_id,FID,IID\n000,f1,0012\n001,f1,0013\n", encoding="utf-8")
    table = with_genetic_ids(table_of(images), read_ids(tmp_path / "ids.csv"))
    FORMATS["regenie"](table, tmp_path)
    rows = [line.split() for line in (tmp_path / "phenotypes.txt").read_text().splitlines()]
    assert [row[:2] for row in rows] == [["FID", "IID"], ["f1", "0012"], ["f1", "0013"]]
    with pytest.raises(AssociationError, match="'0012' is there twice"):
        with_genetic_ids(
            table_of(images), pd.DataFrame({"participant_id": ["000", "001"], "IID": ["0012", "0012"]})
        )
    with pytest.raises(AssociationError, match="no column IID"):
        with_genetic_ids(table_of(images), pd.DataFrame({"participant_id": ["000"]}))


def test_an_id_with_a_blank_is_refused_where_a_format_cannot_hold_it(images, tmp_path: Path) -> None:
    blank = images.assign(participant_id="no " + images["participant_id"])
    FORMATS["csv"](table_of(blank), tmp_path)
    with pytest.raises(AssociationError, match=r"(?s)holds a blank.*--ids"):
        FORMATS["plink"](table_of(blank), tmp_path)


def test_pictures_of_nobody_known_cannot_be_exported_by_person(images) -> None:
    with pytest.raises(AssociationError, match="no participant_id"):
        table_of(images.drop(columns="participant_id"))
    with pytest.raises(AssociationError, match="choose one of mean, right, left, both"):
        table_of(images, eyes="worse")


def test_transformations_are_what_they_say_and_keep_missing_values() -> None:
    values = np.array([5.0, np.nan, 1.0, 3.0, 3.0, 100.0])
    assert transformed(values, "zscore")[[0, 2]] == pytest.approx(
        (values[[0, 2]] - np.nanmean(values)) / np.nanstd(values, ddof=1)
    )
    ranks = np.array([4, np.nan, 1, 2.5, 2.5, 5])
    assert transformed(values, "rank") == pytest.approx(norm.ppf((ranks - 0.375) / 5.25), nan_ok=True)
    assert transformed(values, "log")[4] == pytest.approx(np.log(3))
    assert np.nanmax(transformed(np.arange(1001.0), "winsor")) == pytest.approx(990)
    for name in TRANSFORMS:
        assert np.isnan(transformed(values, name)[1])
        assert np.isnan(transformed(np.full(3, np.nan), name)).all()
    with pytest.raises(AssociationError, match=r"(?s)^age: 1 values are 0 or less.*rank"):
        transformed(np.array([0.0, 1.0]), "log", column="age")
    with pytest.raises(AssociationError, match="no transformation 'sqrt'"):
        transformed(values, "sqrt")
