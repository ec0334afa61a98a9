"""Angiograms as training images: exact tables, digital scans, one modality a network, one fold a person."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from retquant.errors import ConfigError
from retquant.segmentation.compact import CompactNetwork
from retquant.segmentation.spec import NetworkSpec
from retquant.training.datasets import find_examples, split
from retquant.training.digital_eyes import TRUTH_OF_SCANS, draw_scan
from retquant.training.recipe import DatasetRecipe, TrainingRecipe
from retquant.training.vessel_tables import read_vessel_table
from retquant.training.working_example import load_working

SIDE = 144
# two trees: a wide horizontal artery with a thin branch, then a wide vertical vein
TABLE = """node1,node2,radius
[0.5 0.1 0.01],[0.5 0.5 0.01],0.02
[0.5 0.5 0.01],[0.5 0.9 0.02],0.02
[0.5 0.5 0.01],[0.9 0.5 1e-2],0.002
[0.1 0.2 0.0],[0.4 0.2 0.0],1.0e-2
"""


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    for name in ("1", "2", "3"):
        Image.fromarray(np.random.default_rng(int(name)).integers(20, 220, (144, 144)).astype(np.uint8)).save(
            tmp_path / f"{name}.png"
        )
        with gzip.open(tmp_path / f"{name}.csv.gz", "wt") as file:
            file.write(TABLE)
    return tmp_path


def dataset(**settings: object) -> DatasetRecipe:
    plain = {
        "name": "Synthetic",
        "licence": "MIT",
        "modality": "octa",
        "hand": "exact",
        "images": "*.png",
        "pattern": r"(?P<id>\d)",
        "person": "{id}",
        "truth": {"graph": "{id}.csv.gz"},
    }
    return DatasetRecipe.model_validate({**plain, **settings})


def test_a_table_is_drawn_as_wide_as_it_says_and_its_second_half_of_trees_are_veins(scans: Path) -> None:
    table = read_vessel_table(scans / "1.csv.gz")
    assert table.is_vein.tolist() == [False, False, False, True]
    found = dict(table.targets(400))
    assert found["artery"].sum() / 400**2 == pytest.approx(
        0.8 * 0.04 + np.pi * 0.02**2, rel=0.005
    )  # round ends
    assert found["vein"].sum() / 400**2 == pytest.approx(0.3 * 0.02 + np.pi * 0.01**2, rel=0.005)
    assert found["large_vessel"].sum() == pytest.approx(found["artery"].sum() + found["vein"].sum())
    thin = (found["capillary"].sum() - found["large_vessel"].sum()) / 400**2
    assert thin == pytest.approx((0.4 - 0.02) * 0.004, rel=0.05)
    assert found["artery"][200, 100] == 1  # x to rows, y to columns
    assert found["vein"][100, 80] == 1


def test_a_line_that_is_no_vessel_is_named(scans: Path) -> None:
    (scans / "bad.csv").write_text(TABLE + "[0.1 0.2],[0.3 0.4],0.1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="line 6"):
        read_vessel_table(scans / "bad.csv")


def test_an_angiogram_is_known_to_its_corners(scans: Path) -> None:
    recipe = dataset()
    assert set(recipe.targets) == {"large_vessel", "capillary", "artery", "vein"}
    targets = ("large_vessel", "faz")
    (first, *_) = load_working(find_examples(recipe, scans), targets=targets, working_px=SIDE)
    assert first.field.all()
    assert (first.valid[..., 0] == 255).all()
    assert not first.valid[..., 1].any()  # nobody drew the avascular zone
    assert first.truth[72, 30, 0] == 255


def test_two_names_of_one_person_stay_on_one_side(scans: Path) -> None:
    recipe = dataset(same_person=[["1", "3"]], validation=["1"])
    training, held_out = split(recipe, find_examples(recipe, scans))
    assert [e.stem for e in training] == ["2"]
    assert [e.stem for e in held_out] == ["1", "3"]


def test_a_network_is_for_one_modality_and_large_vessels_have_a_hand(scans: Path) -> None:
    plain = {
        "name": "toy",
        "title": "Toy",
        "intended_use": "Tests.",
        "network": {
            "foundation": "compact",
            "targets": ["large_vessel"],
            "working_px": 144,
            "default_hand": "exact",
        },
        "optimization": {"steps": 1},
    }
    octa = dataset().model_dump()
    recipe = TrainingRecipe.model_validate({**plain, "datasets": [octa]})
    assert recipe.modality == "octa"
    photographs = {**octa, "name": "Photographs", "modality": "cfp", "truth": {"vessel": "{id}.png"}}
    with pytest.raises(ValidationError, match="one `modality`"):
        TrainingRecipe.model_validate({**plain, "datasets": [octa, photographs]})
    with pytest.raises(ValidationError, match="names no `hand`"):
        dataset(hand=None)


def test_an_artery_of_an_angiogram_is_a_large_vessel_and_follows_its_hand() -> None:
    torch.manual_seed(0)
    spec = NetworkSpec(
        foundation="compact", targets=("capillary", "large_vessel", "artery", "faz"), hands=("one", "two")
    )
    network = CompactNetwork(spec).eval()
    with torch.no_grad():
        network.get_parameter("drawn.last.weight")[1, -1] += 3.0
    inputs = torch.rand(1, 3, 96, 96), torch.rand(1, 6, 32, 32)

    def logits(hand: int) -> torch.Tensor:
        with torch.inference_mode():
            found: torch.Tensor = network(inputs[0], torch.tensor([hand]), inputs[1], torch.zeros(1, 2))[0]
        return found

    one, two = logits(0), logits(1)
    assert (one[:, 2] <= one[:, 1] + 1e-5).all()
    assert torch.allclose(two[:, 1], one[:, 1] + 3.0, atol=1e-4)
    assert (two[:, 2] > one[:, 2]).all()
    assert torch.equal(two[:, [0, 3]], one[:, [0, 3]])


def test_a_digital_scan_shows_its_truth() -> None:
    scan = draw_scan(2, SIDE)
    assert set(scan.truth) == set(TRUTH_OF_SCANS)
    assert scan.field.all()
    grey = scan.pixels[..., 0].astype(float)
    large, faz = scan.truth["large_vessel"] > 200, scan.truth["faz"] > 200
    assert grey[large].mean() > 1.5 * grey[~large].mean()
    assert grey[faz].mean() < 0.6 * grey[~faz].mean()
    assert (scan.truth["capillary"] >= scan.truth["large_vessel"].astype(int) - 1).all()
    kinds = np.maximum(scan.truth["artery"], scan.truth["vein"]).astype(int)
    assert np.abs(kinds - scan.truth["large_vessel"]).mean() < 1


def test_large_veins_of_digital_scans_cover_as_much_as_large_arteries() -> None:
    # or whatever stands out would be learned to be an artery
    scans = [draw_scan(seed, SIDE) for seed in range(40, 52)]
    area = {kind: sum(int(s.truth[kind].astype(int).sum()) for s in scans) for kind in ("artery", "vein")}
    assert 0.8 < area["vein"] / area["artery"] < 1.2
