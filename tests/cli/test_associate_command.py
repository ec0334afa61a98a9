"""`retquant associate` from a run's folder and a file of labels, with every flag for rows and models."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from typer.testing import CliRunner, Result

from retquant.cli import app
from retquant.errors import AssociationError
from retquant.tables import ImageRows
from retquant.tables.participants import write_participants
from retquant.tables.schemas import table_schemas
from retquant.tables.writer import ChunkTables, write_schema_parts

PEOPLE = 90


def column(name: str, direction: str) -> SimpleNamespace:
    return SimpleNamespace(
        name=name,
        unit="1",
        definition=f"{name}.",
        definition_id=name,
        version=1,
        reference="None2000",
        direction=direction,
        modalities=("cfp",),
        derived_from=None,
        has_standard_error=False,
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    random = np.random.default_rng(0)
    schemas = table_schemas((column("density", "higher_is_better"), column("angle", "neither")))
    write_schema_parts(folder, schemas, facts={})
    images = [f"p{person:02d}-{eye}" for person in range(PEOPLE) for eye in ("OD", "OS")]
    people = {
        "image_id": images,
        "participant_id": [image[:3] for image in images],
        "eye": [image[4:] for image in images],
    }
    write_participants(folder, pa.table(people), facts={})
    tables = ChunkTables(schemas=schemas)
    for image in images:
        values = {"density": float(random.normal()), "angle": float(random.normal())}
        tables.add(image, "key", ImageRows(biomarkers=values, missing={}))
    tables.write(folder, chunk="0123456789abcdef", facts={})
    ids = [f"p{person:02d}" for person in range(PEOPLE)]
    labels = pd.DataFrame({"participant_id": ids, "pressure": random.normal(size=PEOPLE)})
    labels["sex"] = random.choice(["f", "m"], PEOPLE)
    labels["centre"] = random.choice([1, 2], PEOPLE)
    labels["weight"] = random.uniform(0.5, 2, PEOPLE)
    labels.to_csv(folder / "labels.csv", index=False)
    return folder


def invoke(run: Path, *flags: str) -> Result:
    arguments = ["associate", str(run), "--labels", str(run / "labels.csv"), "--outcome", "pressure", *flags]
    return CliRunner().invoke(app, arguments)


def test_rows_models_and_groups_are_asked_for_by_flags(run: Path) -> None:
    answer = invoke(
        run,
        *("--eyes", "worse", "--transform", "rank", "--strata", "sex", "--interaction", "sex"),
        *("--site", "centre", "--site-as", "meta", "--splines", "4", "--robust", "0"),
    )
    assert answer.exit_code == 0, answer.output
    assert "Levels " in answer.output
    table = pd.read_parquet(run / "associations" / "pressure.parquet").set_index("biomarker")
    assert table.loc["angle", "reason"] == "no_direction"
    row = table.loc["density"]
    assert row["transform"] == "rank"
    assert row["model"] == "linear, HC3; 2 sites, random effects"
    assert row[["p_nonlinear", "p_interaction", "p_strata", "p_sites"]].notna().all()
    levels = pd.read_csv(run / "associations" / "pressure.levels.csv")
    assert levels.groupby("by").size().to_dict() == {"interaction": 2, "site": 4, "strata": 2}
    assert (run / "associations" / "pressure.html").is_file()


@pytest.mark.parametrize(
    ("flags", "model"),
    [
        (("--model", "gee"), "GEE, linear, exchangeable"),
        (("--model", "mixed", "--response", "biomarker"), "mixed, random intercept of person"),
        (("--weights", "weight"), "linear, weighted"),
        (("--eyes", "random", "--seed", "4"), "linear, HC3"),
        ((), "linear, HC3"),
    ],
)
def test_the_model_is_the_one_asked_for(run: Path, flags: tuple[str, ...], model: str) -> None:
    answer = invoke(run, *flags, "--robust", "0", "--json", "--out", str(run / "other"))
    assert answer.exit_code == 0, answer.output
    rows = json.loads(answer.stdout)
    assert {row["model"] for row in rows} == {model}
    assert all(row["p_nonlinear"] is not None for row in rows)


def test_flags_that_do_not_go_together_end_with_what_to_do(run: Path) -> None:
    answer = invoke(run, "--visits", "nearest")
    assert isinstance(answer.exception, AssociationError)
    assert "give both --visits nearest and --near COLUMN" in str(answer.exception)


def test_harmonising_is_asked_for_and_prediction_left_out_by_flags(run: Path) -> None:
    flags = ("--eyes", "both", "--robust", "1", "--out", str(run / "alike"))
    answer = invoke(run, "--harmonise", "centre", "--no-prediction", *flags)
    assert answer.exit_code == 0, answer.output
    page = (run / "alike" / "pressure.html").read_text(encoding="utf-8")
    assert "Harmonised by centre" in page
    assert "not harmonised by centre" in page
    assert "Exploratory" not in page
    answer = invoke(run, *flags)
    assert answer.exit_code == 0, answer.output
    page = (run / "alike" / "pressure.html").read_text(encoding="utf-8")
    assert "No prediction was tried: 90 people are too few" in page
    assert "Harmonised by" not in page
    answer = invoke(run, "--harmonise", "hospital")
    assert isinstance(answer.exception, AssociationError)
    assert "there is no column 'hospital'" in str(answer.exception)
