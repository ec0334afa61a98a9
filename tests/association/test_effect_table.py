"""The table of effects is what its schema says, in memory and on disk."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from simulated_cohorts import CALIBRE, UNITS, two_eyed_cohort

from retquant.association import Associations, associate
from retquant.association.associations import COLUMNS
from retquant.association.json_schema import association_json_schema
from retquant.resources import resource_folder
from retquant.tables.json_schema import canonical


def results(outcome: str) -> Associations:
    images = two_eyed_cohort(60, seed=1)
    images["pressure"] = np.repeat(np.random.default_rng(0).normal(size=60), 2)
    images["diabetes"] = images["pressure"] > 0.4
    images["constant"] = 1.0
    images.attrs["units"] = {**UNITS, "constant": "1"}
    return associate(images, outcome=outcome, covariates=["age"])


def test_the_published_schema_is_what_the_code_says() -> None:
    published = (resource_folder("schemas") / "associations.json").read_text(encoding="utf-8")
    assert published == canonical(association_json_schema()), (
        "write canonical(association_json_schema()) there"
    )


def test_every_row_obeys_the_schema() -> None:
    validator = jsonschema.Draft202012Validator(association_json_schema())
    for outcome in ("pressure", "diabetes"):
        table = results(outcome).table
        assert list(table.columns) == list(COLUMNS)
        for row in json.loads(table.to_json(orient="records")):
            validator.validate(row)


def test_the_file_holds_the_table_and_explains_itself(tmp_path: Path) -> None:
    found = results("diabetes")
    path = found.to_parquet(tmp_path / "deep" / "associations.parquet")
    read = pd.read_parquet(path)
    np.testing.assert_allclose(read["ratio"], found.table["ratio"])
    assert read["biomarker"].tolist() == found.table["biomarker"].tolist()
    schema = pq.read_schema(path)
    assert schema.field("effect").metadata[b"description"].startswith(b"per standard deviation")
    assert json.loads(schema.metadata[b"retquant.study"])["n_people"] == 60
    assert "statsmodels" in json.loads(schema.metadata[b"retquant.versions"])
    assert [p.name for p in path.parent.iterdir()] == ["associations.parquet"]


def test_a_folder_given_as_out_gets_table_and_page(tmp_path: Path) -> None:
    images = two_eyed_cohort(40, seed=1)
    images["pressure"] = np.repeat(np.random.default_rng(0).normal(size=40), 2)
    associate(images, outcome="pressure", out=tmp_path / "here")
    assert {p.name for p in (tmp_path / "here").iterdir()} == {"associations.parquet", "associations.html"}


def test_the_headline_and_the_top_lines_read_well() -> None:
    found = results("diabetes")
    assert found.headline.startswith(
        "2 biomarkers were tested against the binary outcome diabetes in 60 people"
    )
    assert len(found.top(10)) == 2
    assert "odds ratio" in found.top(1)[0]
    assert any(CALIBRE in line for line in found.top(2))
