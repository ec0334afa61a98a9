"""What a card says of the data that its weights learned from."""

from __future__ import annotations

import shutil
from pathlib import Path

from retquant.segmentation.bundles import HeldOutResult, TrainingData, read_bundle
from retquant.training.export import add_results, told_once


def data(name: str, **changes: object) -> TrainingData:
    facts = {
        "name": name,
        "licence": "CC BY 4.0",
        "hand": "a",
        "targets": ("vessel", "artery"),
        "images": 4,
        "persons": 4,
        "validation_persons": ("1",),
    }
    return TrainingData(**{**facts, **changes})  # type: ignore[arg-type]


def test_a_set_that_an_earlier_bundle_saw_no_more_of_is_told_once() -> None:
    again = data("Eyes (by way of first)", targets=("vessel",))
    assert told_once([data("Eyes"), again]) == (data("Eyes"),)


def test_what_an_earlier_bundle_alone_saw_stays_on_the_card() -> None:
    for change in (
        {"images": 9},
        {"validation_persons": ("2",)},
        {"targets": ("vessel", "disc")},
        {"licence": "research use"},
    ):
        other = data("Eyes (by way of first)", **change)
        assert told_once([data("Eyes"), other]) == (data("Eyes"), other)
    stranger = data("Others (by way of first)")
    assert told_once([data("Eyes"), stranger]) == (data("Eyes"), stranger)


def judged(dataset: str, dice: float, **changes: object) -> HeldOutResult:
    measures = ("dice_sd", "auc", "centerline_dice", "sensitivity", "specificity", "accuracy")
    facts = {
        "dataset": dataset,
        "role": "test",
        "target": "vessel",
        "hand": "a",
        "images": 4,
        "dice": dice,
        **dict.fromkeys(measures, 0.5),
    }
    return HeldOutResult(**{**facts, **changes})  # type: ignore[arg-type]


def test_persons_who_chose_the_weights_are_no_test_on_the_card(tmp_path: Path) -> None:
    shutil.copytree(read_bundle("octa-research").folder, tmp_path / "bundle")
    bundle = read_bundle(str(tmp_path / "bundle")).model_copy(
        update={
            "training_data": (data("Chosen by", images=0, persons=0), data("Split")),
            "results": (judged("Chosen by", 0.8, role="validation", threshold=0.4),),
        }
    )
    fresh = [judged("Chosen by", 0.9), judged("Chosen by", 0.7, mirrors=True), judged("Split", 0.6)]
    kept = add_results(bundle, [*fresh, judged("Elsewhere", 0.5)]).results
    assert [(r.dataset, r.role, r.dice, r.threshold) for r in kept] == [
        ("Chosen by", "validation", 0.9, 0.4),
        ("Chosen by", "validation", 0.7, None),
        ("Split", "test", 0.6, None),
        ("Elsewhere", "test", 0.5, None),
    ]
    assert read_bundle(str(tmp_path / "bundle")).results == kept
