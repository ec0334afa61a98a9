"""Disc, cup and fovea on real photographs: drawn masks of two data sets, and marked centres of a third."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retquant.anatomy import Anatomy, Disc, Scale, find_disc, infer_centring, infer_eye
from retquant.biomarkers import BIOMARKERS, MeasureInputs, Measurement, measure
from retquant.images import find_field_of_view, fit_field, read_target_mask
from retquant.images.retinal_image import Field
from retquant.segmentation.segmentation import Segmentation, TargetMask

COLUMNS = ["disc_*", "cup_*", "cdr_*", "rim_*", "quality_zone_?_visible"]


def drawn(path: Path) -> TargetMask:
    with Image.open(path) as picture:
        shape = picture.height, picture.width
    probability, is_hard = read_target_mask(path, shape)
    return TargetMask(probability=probability, source="manifest", is_hard=is_hard)


def field_of(folder: Path, name: str) -> np.ndarray:
    """(H, W) bool: the field of view, found on a copy of an eighth of the size."""
    with Image.open(next((folder / "images").glob(f"{name}.*"))) as picture:
        small = find_field_of_view(np.asarray(picture.convert("RGB").reduce(8)))
        return small.repeat(8, axis=0).repeat(8, axis=1)[: picture.height, : picture.width]


def measured(
    targets: dict[str, TargetMask], fov: np.ndarray, eye: str | None = None
) -> dict[str, Measurement]:
    disc = find_disc(targets["disc"], fov)
    return measure(
        MeasureInputs(
            modality="cfp",
            fov=fov,
            field=Field(center=(fov.shape[0] / 2, fov.shape[1] / 2), diameter_px=float(fov.shape[1])),
            segmentation=Segmentation(targets=targets),
            anatomy=Anatomy(disc=disc, fovea=None, scale=Scale(um_per_px=10.0, source="um_per_px"), eye=eye),
            graphs={},
        ),
        COLUMNS,
    )


def test_vertical_cup_to_disc_ratio_agrees_with_the_experts(shared_data: Path) -> None:
    folder = shared_data / "fundus" / "DRISHTI-GS_half"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    ours, experts = [], []
    with (folder / "cdr_values.csv").open() as table:
        for row in csv.DictReader(table):
            name = f"{row['image']}.png"
            targets = {part: drawn(folder / part / name) for part in ("disc", "cup")}
            found = measured(targets, np.ones(targets["disc"].probability.shape, bool), eye="OD")
            missing = {n for n, m in found.items() if m.reason is not None and "fovea" not in n}
            assert missing <= {"disc_torsion"}, name  # of a disc as good as round
            assert found["cdr_area"].value == pytest.approx(1 - found["rim_disc_area_ratio"].value)
            ours.append(found["cdr_vertical"].value)
            experts.append([float(row[f"expert{n}"]) for n in range(1, 5)])
    value, mean = np.array(ours), np.mean(experts, axis=1)
    between = np.abs(np.array(experts) - mean[:, None]).mean()  # an expert from the mean of the four
    assert len(value) == 50
    assert np.abs(value - mean).mean() <= between
    assert abs(np.mean(value - mean)) <= 0.02
    assert np.corrcoef(value, mean)[0, 1] >= 0.95


def test_drawn_discs_read_the_same_at_other_sizes_of_a_pixel(shared_data: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    masks = sorted((shared_data / "fundus" / "DRISHTI-GS_half" / "disc").glob("*.png"))[::8]
    if not masks:
        pytest.skip("no masks of DRISHTI-GS")
    changes = []
    for path in masks:
        targets = {part: drawn(path.parent.parent / part / path.name) for part in ("disc", "cup")}
        fov = np.ones(targets["disc"].probability.shape, bool)
        found = measured(targets, fov, eye="OD")
        for factor in (0.7, 1.4):
            resized = {
                name: TargetMask(
                    probability=cv2.resize(
                        target.probability,
                        None,
                        fx=factor,
                        fy=factor,
                        interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR,
                    ),
                    source="manifest",
                )
                for name, target in targets.items()
            }
            other = measured(resized, np.ones(resized["disc"].probability.shape, bool), eye="OD")
            for name in ("disc_area", "disc_ovality", "cdr_vertical", "rim_area", "rim_width_inferior"):
                power = {"mm2": 2, "um": 1}.get(BIOMARKERS[name].unit, 0)
                changes.append(abs(other[name].value / factor**power / found[name].value - 1))
    assert np.median(changes) <= 0.001
    assert np.percentile(changes, 95) <= 0.01


def test_photographs_of_the_disc_are_known_to_be_so(shared_data: Path) -> None:
    folder = shared_data / "fundus" / "DRISHTI-GS_half"
    masks = sorted((folder / "disc").glob("*.png"))[::8]
    if not masks:
        pytest.skip("no masks of DRISHTI-GS")
    for path in masks:
        with Image.open(next((folder / "images").glob(f"{path.stem}.*"))) as picture:
            field = fit_field(find_field_of_view(np.asarray(picture.convert("RGB"))))
        anatomy = Anatomy(
            disc=find_disc(drawn(path)),
            fovea=None,
            scale=Scale(um_per_px=None, source="unknown"),
            eye=None,
        )
        assert infer_centring(anatomy, field) == "disc", path.name
        assert infer_eye(anatomy, field) is None  # a disc in the middle tells no side


def test_drawn_discs_of_photographs_are_found_whole_and_turn_with_the_picture(shared_data: Path) -> None:
    folder = shared_data / "fundus" / "IDRiD_lesions"
    masks = sorted((folder / "OD").glob("*.png"))
    if not masks:
        pytest.skip(f"no masks in {folder}")
    for path in masks[::4]:
        target = drawn(path)
        fov = field_of(folder, path.stem)
        found = measured({"disc": target}, fov)
        values = [found[n].value for n in ("disc_area", "disc_ovality", "quality_zone_b_visible")]
        assert np.isfinite(values).all(), (path.name, found)
        assert 0.75 < found["disc_ovality"].value <= 1
        assert found["quality_zone_b_visible"].value > found["quality_zone_c_visible"].value
        turned = TargetMask(
            probability=np.ascontiguousarray(np.rot90(target.probability)), source="manifest", is_hard=True
        )
        other = measured({"disc": turned}, np.ascontiguousarray(np.rot90(fov)))
        for name, same in (
            ("disc_area", "disc_area"),
            ("disc_ovality", "disc_ovality"),
            ("disc_diameter_vertical", "disc_diameter_horizontal"),
            ("quality_zone_b_visible", "quality_zone_b_visible"),
        ):
            assert other[same].value == pytest.approx(found[name].value, rel=1e-3), (path.name, name)


def test_a_drawn_disc_that_the_field_cuts_is_known_to_be_cut(shared_data: Path) -> None:
    folder = shared_data / "fundus" / "IDRiD_lesions"
    if not (folder / "OD" / "IDRiD_10.png").is_file():
        pytest.skip(f"no masks in {folder}")
    target, fov = drawn(folder / "OD" / "IDRiD_10.png"), field_of(folder, "IDRiD_10")
    disc = find_disc(target, fov)
    assert disc is not None
    assert disc.is_cut
    assert 240 < disc.radius_px < 300  # the discs of the other photographs of this camera have 242 to 328 px
    assert measured({"disc": target}, fov)["disc_area"].reason == "region_out_of_bounds"


def test_photographs_of_the_macula_show_their_eye_with_and_without_the_fovea(shared_data: Path) -> None:
    folder = shared_data / "fundus" / "IDRiD_cohort"
    if not (folder / "labels.csv").is_file():
        pytest.skip(f"no {folder}")
    with (folder / "labels.csv").open() as table:
        rows = list(csv.DictReader(table))[::6]
    centrings = []
    for row in rows:
        with Image.open(folder / row["image"]) as picture:
            field = fit_field(find_field_of_view(np.asarray(picture.convert("RGB").reduce(8))))
        disc, fovea = ((float(row[f"{p}_y"]) / 8, float(row[f"{p}_x"]) / 8) for p in ("disc", "fovea"))
        whole = Anatomy(
            disc=Disc(center=disc, radius_px=30.0),
            fovea=fovea,
            scale=Scale(um_per_px=None, source="unknown"),
            eye=None,
        )
        without = Anatomy(disc=whole.disc, fovea=None, scale=whole.scale, eye=None)
        assert infer_eye(whole, field) == infer_eye(without, field) == ("OD" if disc[1] > fovea[1] else "OS")
        centrings.append(infer_centring(whole, field))
    assert centrings.count("macula") >= 0.9 * len(centrings)
