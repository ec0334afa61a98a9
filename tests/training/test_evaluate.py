"""Evaluation from images to files, by a segmenter whose errors are known."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from retquant.images.retinal_image import RetinalImage
from retquant.segmentation.bundles import read_bundle
from retquant.segmentation.segmentation import Segmentation, TargetMask
from retquant.training.evaluate import SECOND_OBSERVER, Evaluation, evaluate
from retquant.training.evaluation_files import EvaluationFolder, error_map
from retquant.training.recipe import DatasetRecipe
from retquant.training.scores import area_error

SIZE = 160


def bar(first: int, last: int) -> np.ndarray:
    mask = np.zeros((SIZE, SIZE), bool)
    mask[first:last, 40:120] = True
    return mask


class OneRowLow:
    """Finds the bar one row too low, and the fovea 3 pixels to the right."""

    hand = "chase"
    mirrors = False
    precision = "float32"

    def __init__(self) -> None:
        self.bundle = read_bundle("fundus-vessels").model_copy(update={"targets": ("vessel", "fovea")})

    def probabilities(self, image: RetinalImage) -> Iterator[tuple[str, np.ndarray]]:
        rows, cols = np.mgrid[:SIZE, :SIZE]
        heat = 250 * np.exp(-((rows - 90) ** 2 + (cols - 73) ** 2) / 50)
        maps = {
            "vessel": np.where(bar(61, 71), 200, 10),
            "fovea": np.rint(heat),
        }
        for name, map_ in maps.items():
            yield name, map_ / 255


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("eval")
    rows, cols = np.mgrid[:SIZE, :SIZE]
    field = np.hypot(rows - 79.5, cols - 79.5) < 78
    for name in ("=a", "b"):
        pixels = np.where(field[..., None], [180, 110, 60], 0).astype(np.uint8)
        Image.fromarray(pixels).save(root / f"{name}.png")
        for part, mask in (("first", bar(60, 70)), ("second", bar(60, 72))):
            (root / part).mkdir(exist_ok=True)
            Image.fromarray(mask).save(root / part / f"{name}.png")
    (root / "points.csv").write_text(
        "image,fx,fy,dx,dy\n=a,70,90,122.9,90\nb,70,90,122.9,90\n", encoding="utf-8"
    )
    return root


@pytest.fixture(scope="module")
def judged(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Evaluation, Path]:
    recipe = DatasetRecipe.model_validate(
        {
            "name": "bars",
            "licence": "CC0",
            "hand": "chase",
            "images": "*.png",
            "pattern": "(?P<id>.+)",
            "person": "{id}",
            "truth": {"vessel": "first/{id}.png"},
            "second_observer": {"vessel": "second/{id}.png"},
            "landmarks": {"table": "points.csv", "row": "{id}", "fovea": ("fx", "fy"), "disc": ("dx", "dy")},
        }
    )
    files = EvaluationFolder(tmp_path_factory.mktemp("out"))
    found = evaluate(OneRowLow(), recipe, root=data, show=files.show)  # type: ignore[arg-type]
    files.write(found, title="x on <bars>")
    return found, files.folder


def test_the_figures_are_those_of_one_row_missed_in_ten(judged: tuple[Evaluation, Path]) -> None:
    result = next(r for r in judged[0].results if r.target == "vessel" and r.hand == "chase")
    assert result.dice == pytest.approx(0.9)
    assert result.jaccard == pytest.approx(9 / 11)
    assert result.sensitivity == result.precision == pytest.approx(0.9)
    assert (result.dice_low, result.dice_high) == pytest.approx((0.9, 0.9))
    assert result.connectivity == 1
    assert result.centerline_dice == 1


def test_the_second_observer_stands_beside_the_model(judged: tuple[Evaluation, Path]) -> None:
    result = next(r for r in judged[0].results if r.hand == SECOND_OBSERVER)
    assert result.dice == pytest.approx(2 * 10 / 22)
    assert result.auc is None  # a drawing has no curve
    assert len(judged[0].second) == 2


def test_the_fovea_is_measured_in_radii_of_the_disc(judged: tuple[Evaluation, Path]) -> None:
    result = next(r for r in judged[0].results if r.target == "fovea")
    # disc and fovea are 52.9 px apart: the radius is 10
    assert result.error_radii == pytest.approx(0.3, abs=0.01)


def test_tables_hold_every_image_and_no_formula(judged: tuple[Evaluation, Path]) -> None:
    with (judged[1] / "images.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 2 + 2
    assert {row["image"] for row in rows} == {"'=a", "b"}
    assert {row["by"] for row in rows} == {"model", "second observer"}
    with (judged[1] / "curves.csv").open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 512


def test_the_page_is_escaped_and_shows_the_errors(judged: tuple[Evaluation, Path]) -> None:
    page = (judged[1] / "report.html").read_text(encoding="utf-8")
    assert "x on &lt;bars&gt;" in page
    for source in page.split('src="')[1:]:
        assert os.path.isfile(judged[1] / source.split('"')[0])


def test_hits_are_green_misses_red_and_false_finds_blue(judged: tuple[Evaluation, Path]) -> None:
    picture = cv2.imread(str(judged[1] / "errors" / "vessel" / "b.png"))
    assert picture is not None
    assert picture[65, 80].argmax() == 1
    assert picture[60, 80].argmax() == 2
    assert picture[70, 80].argmax() == 0
    assert (picture[2, 2] == 190).all()  # outside the field


def test_an_error_map_covers_what_it_judges() -> None:
    from retquant.training.evaluate import Judged

    nothing = np.zeros((4, 4), bool)
    picture = error_map(Judged(image="a", target="vessel", found=nothing, drawn=nothing, valid=~nothing))
    assert (picture == 255).all()


def test_a_set_without_a_common_target_is_not_even_read(data: Path) -> None:
    recipe = DatasetRecipe.model_validate(
        {
            "name": "discs",
            "licence": "CC0",
            "images": "nowhere/*.png",
            "pattern": "(?P<id>.+)",
            "person": "{id}",
            "truth": {"disc": "nowhere/{id}.png"},
        }
    )
    assert evaluate(OneRowLow(), recipe, root=data).results == ()  # type: ignore[arg-type]


class SwapsHalfAndCupsTooLow:
    """Calls the right half of the artery a vein, and finds a cup that is 10 rows too high in all."""

    hand = "chase"
    mirrors = False
    precision = "float32"

    def __init__(self) -> None:
        self.bundle = read_bundle("fundus-vessels").model_copy(
            update={"targets": ("artery", "vein", "disc", "cup")}
        )

    def probabilities(self, image: RetinalImage) -> Iterator[tuple[str, np.ndarray]]:
        left = np.arange(SIZE)[None] < 80
        masks = {
            "artery": bar(60, 70) & left,
            "vein": bar(90, 100) | (bar(60, 70) & ~left),
            "disc": bar(20, 60),
            "cup": bar(25, 55),
        }
        for name, mask in masks.items():
            yield name, np.where(mask, 250, 5) / 255


@pytest.fixture(scope="module")
def kinds(data: Path) -> DatasetRecipe:
    for name in ("=a", "b"):
        codes = np.where(bar(60, 70), 1, np.where(bar(90, 100), 2, 0)).astype(np.uint8)
        for part, mask in (("av", codes), ("disc", bar(20, 60)), ("cup", bar(30, 50))):
            (data / part).mkdir(exist_ok=True)
            Image.fromarray(mask).save(data / part / f"{name}.png")
    return DatasetRecipe.model_validate(
        {
            "name": "kinds",
            "licence": "CC0",
            "hand": "chase",
            "images": "*.png",
            "pattern": "(?P<id>.+)",
            "person": "{id}",
            "truth": {"av": "av/{id}.png", "disc": "disc/{id}.png", "cup": "cup/{id}.png"},
        }
    )


def test_arteries_and_veins_are_judged_on_centre_lines(data: Path, kinds: DatasetRecipe) -> None:
    found = evaluate(SwapsHalfAndCupsTooLow(), kinds, root=data)  # type: ignore[arg-type]
    rows = {result.target: result for result in found.results}
    assert rows["artery"].line_accuracy == pytest.approx(0.5, abs=0.02)
    assert rows["vein"].line_accuracy == 1
    told = rows["artery_vein"]
    assert told.line_accuracy == pytest.approx(0.75, abs=0.01)
    assert (told.sensitivity, told.specificity, told.accuracy) == pytest.approx((0.5, 1, 0.75))
    assert told.dice is None


def test_the_cup_to_disc_ratio_stands_beside_the_cup(
    data: Path, kinds: DatasetRecipe, tmp_path: Path
) -> None:
    found = evaluate(SwapsHalfAndCupsTooLow(), kinds, root=data)  # type: ignore[arg-type]
    rows = {result.target: result for result in found.results}
    assert rows["cup"].cdr_error == rows["cup"].cdr_bias == pytest.approx(30 / 40 - 20 / 40)
    assert rows["disc"].cdr_error is None
    EvaluationFolder(tmp_path).write(found, title="kinds")
    with (tmp_path / "summary.csv").open(encoding="utf-8") as file:
        assert {row["target"]: row["cdr_error"] for row in csv.DictReader(file)}["cup"] == "0.25"
    assert "line accuracy" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_error_of_an_area_is_its_share_of_the_drawn_area(data: Path, kinds: DatasetRecipe) -> None:
    found = evaluate(SwapsHalfAndCupsTooLow(), kinds, root=data)  # type: ignore[arg-type]
    rows = {result.target: result for result in found.results}
    assert rows["cup"].area_error == rows["cup"].area_bias == pytest.approx(30 / 20 - 1)
    assert rows["disc"].area_error == 0
    assert rows["artery"].area_error is None


class ZonesTooSmallThenTooWide:
    """Finds a circle of 40 px in the first image and one of 60 px in the second."""

    hand = "chase"
    mirrors = False
    precision = "float32"

    def __init__(self) -> None:
        self.bundle = read_bundle("fundus-vessels").model_copy(update={"targets": ("faz",)})
        self.radii = iter((40, 60))

    def probabilities(self, image: RetinalImage) -> Iterator[tuple[str, np.ndarray]]:
        yield "faz", np.where(disc(next(self.radii)), 250, 5) / 255


def disc(radius: float) -> np.ndarray:
    return np.hypot(*np.mgrid[-79.5:80, -79.5:80]) < radius


def test_areas_too_small_and_too_wide_cancel_in_the_bias_alone(data: Path) -> None:
    (data / "faz").mkdir()
    for name in ("=a", "b"):
        Image.fromarray(disc(50)).save(data / "faz" / f"{name}.png")
    recipe = DatasetRecipe.model_validate(
        {
            "name": "zones",
            "licence": "CC0",
            "images": "*.png",
            "pattern": "(?P<id>.+)",
            "person": "{id}",
            "truth": {"faz": "faz/{id}.png"},
        }
    )
    found = evaluate(ZonesTooSmallThenTooWide(), recipe, root=data)  # type: ignore[arg-type]
    # 0.64 and 1.44 times the area of the circle drawn; in whole pixels such circles are within 0.3 % of their area
    assert [score.area_error for score in found.scores] == pytest.approx([-0.36, 0.44], abs=0.005)
    assert found.results[0].area_error == pytest.approx(0.40, abs=0.005)
    assert found.results[0].area_bias == pytest.approx(0.04, abs=0.005)


def test_an_area_that_was_not_found_is_wrong_by_all_of_it() -> None:
    assert area_error(disc(0), disc(50)) == -1
    assert np.isnan(area_error(disc(50), disc(0)))


def test_what_the_pipeline_does_to_a_segmentation_is_judged(data: Path, kinds: DatasetRecipe) -> None:
    def set_right(image: RetinalImage, found: Segmentation) -> Segmentation:
        artery = np.where(bar(60, 70), 250, 5).astype(np.uint8)
        vein = np.where(bar(90, 100), 250, 5).astype(np.uint8)
        both = {
            n: TargetMask(probability=m, source="model:x") for n, m in (("artery", artery), ("vein", vein))
        }
        return Segmentation(targets={**found.targets, **both})

    found = evaluate(SwapsHalfAndCupsTooLow(), kinds, root=data, refine=set_right)  # type: ignore[arg-type]
    assert next(r for r in found.results if r.target == "artery_vein").line_accuracy == 1
