"""What a card says of the data that its weights learned from."""

from __future__ import annotations

from retquant.segmentation.bundles import TrainingData
from retquant.training.export import told_once


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
