"""The main job from manifest to tables, on drawn vessels that bring their masks."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import retquant
from retquant.cohort import ClusterSettings, CohortSettings
from retquant.config import RunConfig, SegmentationSettings
from retquant.images import read_target_mask
from retquant.phantoms import Shape
from retquant.segmentation.given import read_masks
from retquant.tables.reader import read_table

HERE = CohortSettings(cluster=ClusterSettings(workers=0))


def test_a_cohort_of_known_vessels_gives_their_known_widths(cohort: Path, drawn: Shape) -> None:
    summary = retquant.run_cohort(cohort, settings=HERE)
    assert (summary.done, summary.failed) == (3, 0)
    table = retquant.load_biomarkers(cohort.with_suffix(""))
    assert table.attrs["units"]["crae_knudtson_zone_b"] == "um"
    assert table["crae_knudtson_zone_b"].to_numpy() == pytest.approx(
        drawn.truth["crae_knudtson_um"], rel=0.02
    )
    assert table["crve_knudtson_zone_b"].to_numpy() == pytest.approx(
        drawn.truth["crve_knudtson_um"], rel=0.02
    )
    assert list(table["ill"]) == [1, 1, 0]
    assert set(table["eye"]) == {"OD", "OS"}


def test_given_arteries_and_veins_do_not_become_the_vessels(cohort: Path, drawn: Shape) -> None:
    folder = cohort.parent
    given = read_masks({name: folder / f"{name}.png" for name in ("artery", "vein")}, drawn.size)
    assert set(given) == {"artery", "vein"}
    assert not any(target.is_hard for target in given.values())


def test_running_again_does_nothing_and_a_corrected_label_measures_nothing(cohort: Path) -> None:
    retquant.run_cohort(cohort, settings=HERE)
    assert retquant.run_cohort(cohort, settings=HERE).done == 0
    cohort.write_text(cohort.read_text(encoding="utf-8").replace(",55,0", ",55,1"), encoding="utf-8")
    assert retquant.run_cohort(cohort, settings=HERE).done == 0
    assert list(retquant.load_biomarkers(cohort.with_suffix(""))["ill"]) == [1, 1, 1]


def test_a_changed_mask_measures_its_images_again(cohort: Path) -> None:
    retquant.run_cohort(cohort, settings=HERE)
    before = retquant.load_biomarkers(cohort.with_suffix(""))["vessel_area_density_fov"]
    mask = np.array(Image.open(cohort.parent / "vessel.png"))
    mask[: mask.shape[0] // 2] = 0
    Image.fromarray(mask).save(cohort.parent / "vessel.png")
    os.utime(cohort.parent / "vessel.png", (1, 1))
    assert retquant.run_cohort(cohort, settings=HERE).done == 3
    after = retquant.load_biomarkers(cohort.with_suffix(""))["vessel_area_density_fov"]
    assert (after < before).all()


def test_bad_images_are_rows_in_failures_and_the_rest_is_measured(cohort: Path) -> None:
    folder = cohort.parent
    good = (folder / "8_OD.png").read_bytes()
    (folder / "zero.png").write_bytes(b"")
    (folder / "letter.jpg").write_bytes(b"%PDF-1.7")
    (folder / "short.png").write_bytes(good[: len(good) // 2])
    Image.new("RGB", (900, 900)).save(folder / "black.png")
    Image.new("RGB", (900, 900), "white").save(folder / "white.png")
    Image.new("RGB", (1, 1), "red").save(folder / "dot.png")
    Image.new("L", (10, 10)).save(folder / "small_mask.png")
    lines = [
        f"{name},9,,,,,,,,"
        for name in ("gone.png", "zero.png", "letter.jpg", "short.png", "black.png", "white.png", "dot.png")
    ]
    (folder / "twin.png").write_bytes(good)
    lines.append("twin.png,9,OD,5,vessel.png,small_mask.png,vein.png,disc.png,50,0")
    with cohort.open("a", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    summary = retquant.run_cohort(cohort, settings=HERE)
    assert (summary.done, summary.failed) == (3, 8)
    failures = read_table(cohort.with_suffix(""), "failures").to_pandas().set_index("image_id")
    expected = {
        "gone": "no such file",
        "zero": "0 bytes",
        "letter": "PDF",
        "short": "damaged",
        "black": "all black",
        "white": "all white",
        "dot": "1 × 1",
        "twin": "10 × 10",
    }
    assert {
        name: words in failures.loc[name, "message"] for name, words in expected.items()
    } == dict.fromkeys(expected, True)
    assert (failures["stage"] == "read").all()
    assert (failures["hint"] != "").all()


def test_masks_that_a_run_writes_work_again_as_mask_columns(cohort: Path) -> None:
    retquant.run_cohort(cohort, settings=HERE, masks=True, probabilities=True, overlays=True)
    out = cohort.with_suffix("")
    first = pd.read_csv(cohort)
    names = [Path(image).stem for image in first["image"]]
    assert all((out / "overlays" / f"{name}.png").is_file() for name in names)
    with Image.open(out / "masks" / names[0] / "artery.png") as mask:
        assert mask.mode == "1"
        size = mask.size[::-1]
    soft, is_hard = read_target_mask(out / "masks" / names[0] / "artery_probability.png", size)
    given, _ = read_target_mask(cohort.parent / "artery.png", size)
    assert not is_hard
    assert (soft == given).all()
    again = first.drop(columns=["artery_mask", "vein_mask"])
    for target in ("artery", "vein"):
        again[f"{target}_mask"] = [f"manifest/masks/{name}/{target}_probability.png" for name in names]
    again.to_csv(cohort.parent / "again.csv", index=False)
    assert retquant.run_cohort(cohort.parent / "again.csv", settings=HERE).failed == 0
    old, new = (retquant.load_biomarkers(cohort.parent / name) for name in ("manifest", "again"))
    pd.testing.assert_frame_equal(old.filter(like="artery_"), new.filter(like="artery_"))


def test_an_angiogram_without_masks_and_model_fails_alone_and_says_why(cohort: Path) -> None:
    text = cohort.read_text(encoding="utf-8").splitlines()
    rows = [f"{line},cfp" for line in text[1:]] + ["8_OS.png,8,OS,5,,,,,55,0,octa"]
    cohort.write_text("\n".join([text[0] + ",modality", *rows]) + "\n", encoding="utf-8")
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (304, 304), np.uint8)).save(
        cohort.parent / "8_OS.png"
    )
    without = RunConfig(segmentation=SegmentationSettings(octa_model=None))
    summary = retquant.run_cohort(cohort, config=without, settings=HERE)
    assert (summary.done, summary.failed) == (3, 1)
    failures = read_table(cohort.with_suffix(""), "failures").to_pandas()
    assert "octa" in failures["message"].iloc[0]
