"""Local mode: the vessel clicked, and nothing that it is not connected to."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from retquant.errors import ModelError
from retquant.images.retinal_image import Field, RetinalImage
from retquant.segmentation.bundles import read_bundle
from retquant.segmentation.local import connected_to, segment_at
from retquant.segmentation.network import SamNetwork
from retquant.segmentation.predict import predict_at
from retquant.segmentation.prompts import Prompts
from retquant.segmentation.segmentation import Segmentation, TargetMask


def strokes() -> np.ndarray:
    mask = np.zeros((60, 90), bool)
    mask[10:13, 5:80] = True
    mask[40:43, 5:80] = True
    mask[43, 80] = True  # touches the second by a corner
    return mask


def test_the_component_under_the_click_is_kept_with_what_touches_its_corners() -> None:
    kept = connected_to(strokes(), [(30.0, 41.0)], reach=2)
    assert kept.sum() == 3 * 75 + 1
    assert not kept[:20].any()


def test_a_click_may_miss_by_its_reach_and_no_more() -> None:
    assert connected_to(strokes(), [(30.0, 15.0)], reach=4).sum() == 3 * 75
    assert not connected_to(strokes(), [(30.0, 25.0)], reach=4).any()


def test_clicks_on_two_vessels_keep_both() -> None:
    assert connected_to(strokes(), [(30.0, 11.0), (30.0, 41.0)], reach=2).sum() == strokes().sum()


def test_clicks_reach_the_network_at_their_place_in_the_tile(untrained: SamNetwork) -> None:
    rows, cols = np.mgrid[:400, :400]
    fov = np.hypot(rows - 199.5, cols - 199.5) < 195
    pixels = np.random.default_rng(0).integers(60, 200, (400, 400, 3), np.uint8) * fov[..., None]
    seen: list[Prompts] = []
    whole = untrained.forward

    def spy(tiles: torch.Tensor, hands: torch.Tensor, prompts: Prompts | None = None) -> torch.Tensor:
        assert prompts is not None
        seen.append(prompts)
        return whole(tiles, hands, prompts)

    untrained.forward = spy  # type: ignore[method-assign]
    try:
        found = predict_at(
            untrained,
            pixels,
            fov,
            np.array([[120.0, 140.0]]),
            np.array([[130.0, 150.0], [380.0, 200.0]]),
            working_px=390,
            hand=0,
        )
    finally:
        untrained.forward = whole  # type: ignore[method-assign]
    # the field is 390 wide and begins at 5: a frame pixel is an image pixel less 5; the far click is out of the tile
    assert seen[0].labels is not None
    assert seen[0].points is not None
    assert seen[0].labels.tolist() == [[1, 0]]
    assert seen[0].points[0].tolist() == pytest.approx(np.array([[115, 128], [125, 138]]), abs=0.01)
    assert found["vessel"].shape == (400, 400)
    assert not found["vessel"][:, 262:].any()  # beyond the tile, which begins at the frame's left edge


def test_points_further_apart_than_a_tile_are_refused(untrained: SamNetwork) -> None:
    fov = np.ones((600, 600), bool)
    with pytest.raises(ModelError, match="span more than 256"):
        predict_at(
            untrained,
            np.zeros((600, 600, 3), np.uint8),
            fov,
            np.array([[10.0, 10.0], [590.0, 590.0]]),
            np.empty((0, 2)),
            working_px=600,
            hand=0,
        )


class FixedAnswer:
    """A segmenter whose mask is known, for the part of local mode that comes after the network."""

    hand = "one"
    precision = "float32"
    network = None

    def __init__(self) -> None:
        self.bundle = read_bundle("fundus-vessels")

    def __call__(self, image: RetinalImage) -> Segmentation:
        probability = np.where(strokes(), np.uint8(230), np.uint8(20))
        return Segmentation(targets={"vessel": TargetMask(probability=probability, source="model:fixed")})


def picture() -> RetinalImage:
    return RetinalImage(
        pixels=np.zeros((60, 90, 3), np.uint8),
        fov=np.ones((60, 90), bool),
        field=Field(center=(30, 45), diameter_px=60),
        modality="cfp",
        eye=None,
    )


def test_a_bundle_without_clicks_answers_with_its_connected_part() -> None:
    found = segment_at(FixedAnswer(), picture(), [(30, 11)])  # type: ignore[arg-type]
    assert found.mask.sum() == 3 * 75
    assert found.probability.max() == 230
    assert not found.probability[~found.mask].any()


def test_what_is_to_be_avoided_is_left_out() -> None:
    found = segment_at(FixedAnswer(), picture(), [(30, 11), (30, 41)], avoid=[(50, 41)])  # type: ignore[arg-type]
    assert found.mask.sum() == 3 * 75
    assert not found.mask[30:].any()


def test_no_click_and_no_such_target_are_refused() -> None:
    with pytest.raises(ModelError, match="no point"):
        segment_at(FixedAnswer(), picture(), [])  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="does not segment 'cup'"):
        segment_at(FixedAnswer(), picture(), [(1, 1)], target="cup")  # type: ignore[arg-type]


def test_targets_whose_clicks_were_not_learned_well_are_a_choice_among_what_is_found() -> None:
    bundle = read_bundle("octa-vessels")
    assert bundle.is_clicked("faz")
    assert not bundle.is_clicked("artery")
    every = bundle.model_copy(update={"click_targets": None})
    assert every.is_clicked("artery")
    assert not every.model_copy(update={"takes_clicks": False}).is_clicked("artery")
