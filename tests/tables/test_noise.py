"""The noise ratio of a run, on eyes whose spread and noise were drawn with known standard deviations."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from retquant.errors import OutputError
from retquant.tables import ImageRows, noise_ratio
from retquant.tables.participants import write_participants
from retquant.tables.schemas import table_schemas
from retquant.tables.writer import ChunkTables, write_schema_parts

COLUMN = SimpleNamespace(
    name="density",
    unit="1",
    definition="Density.",
    definition_id="density",
    version=1,
    reference="None2000",
    direction="neither",
    modalities=("cfp",),
    derived_from=None,
    has_standard_error=True,
)
BETWEEN, WITHIN = 2.0, 0.5


def write_run(out: Path, *, eyes: int, images: int, error: float, uncertainty: bool = True) -> Path:
    """Eyes with a mean of their own, and images that scatter about it."""
    random = np.random.default_rng(8)
    schemas = table_schemas([COLUMN])
    write_schema_parts(out, schemas, facts={})
    tables = ChunkTables(schemas=schemas)
    people: dict[str, list[str]] = {"image_id": [], "participant_id": [], "eye": []}
    for eye in range(eyes):
        mean = random.normal(10.0, BETWEEN)
        for image in range(images):
            name = f"{eye}-{image}"
            people["image_id"].append(name)
            people["participant_id"].append(str(eye // 2))
            people["eye"].append("OD" if eye % 2 else "OS")
            value = {"density": mean + random.normal(0.0, WITHIN), "density__se": error}
            tables.add(name, "key", ImageRows(biomarkers=value))
    tables.write(out, chunk="0123456789abcdef", facts={})
    write_participants(out, pa.table(people), facts={})
    (out / "config.toml").write_text(
        f"[biomarkers]\nuncertainty = {str(uncertainty).lower()}\n", encoding="utf-8"
    )
    return out


def test_repeated_images_of_an_eye_tell_its_noise(tmp_path: Path) -> None:
    found = noise_ratio(write_run(tmp_path, eyes=400, images=2, error=9.0)).loc["density"]
    # 400 degrees of freedom: the standard deviations are known to 4 %
    assert found["within_sd"] == pytest.approx(WITHIN, rel=0.08)
    assert found["between_sd"] == pytest.approx(BETWEEN, rel=0.08)
    assert found["noise_ratio"] == pytest.approx(WITHIN / BETWEEN, rel=0.12)
    assert (found["source"], found["eyes"]) == ("repeats", 400)


def test_with_one_image_an_eye_the_standard_errors_tell_it(tmp_path: Path) -> None:
    found = noise_ratio(write_run(tmp_path, eyes=400, images=1, error=WITHIN), ["density"]).loc["density"]
    assert found["within_sd"] == pytest.approx(WITHIN)
    assert found["noise_ratio"] == pytest.approx(WITHIN / BETWEEN, rel=0.08)
    assert found["source"] == "standard_errors"


def test_where_noise_explains_all_the_spread_the_ratio_is_infinite(tmp_path: Path) -> None:
    found = noise_ratio(write_run(tmp_path, eyes=40, images=1, error=50.0)).loc["density"]
    assert found["between_sd"] == 0
    assert found["noise_ratio"] == np.inf


def test_two_eyes_are_too_few_for_a_spread_between_eyes(tmp_path: Path) -> None:
    found = noise_ratio(write_run(tmp_path, eyes=2, images=1, error=0.1)).loc["density"]
    assert np.isnan(found["noise_ratio"])


def test_the_error_of_a_fit_is_no_noise_of_the_eye(tmp_path: Path) -> None:
    run = write_run(tmp_path, eyes=20, images=1, error=0.1, uncertainty=False)
    with pytest.raises(OutputError, match="--uncertainty"):
        noise_ratio(run)


def test_an_unknown_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="nope"):
        noise_ratio(write_run(tmp_path, eyes=3, images=1, error=0.1), ["nope"])
