"""The people of a digital cohort: who has which eyes, which labels, and what the labels change in the eyes.

Unless told otherwise two labels are planted. `hypertension` (0 or 1) narrows the arteries; `hba1c` (per cent) makes
the veins more tortuous and wider, and in OCTA it enlarges the avascular zone and takes vessels away. A design may name
diseases of its own instead. Age, sex and site have no effect on the vessels. The effects are far larger than in
people, so that a dozen of them show it: they prove that an analysis finds what is there, and say nothing of medicine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from retquant.errors import ConfigError
from retquant.phantoms.eye import EyeTraits

_NARROWING = 0.20  # share of artery calibre lost with hypertension
_WINDING_PER_PERCENT = 0.45  # relative rise of vein oscillation for one per cent of HbA1c above 5.5
_WIDENING_PER_PERCENT = 0.06  # relative rise of vein calibre for the same
_AVASCULAR_PER_PERCENT = 0.12  # in OCTA: relative rise of the avascular zone's radius for the same
_DROPOUT_PER_PERCENT = 0.05  # in OCTA: share of vessel length lost for the same

EFFECTS: Mapping[str, tuple[float, str]] = {
    "narrowing": (0.2, "share of the arteries' calibre lost"),
    "widening": (0.15, "rise of the veins' calibre, relative"),
    "winding": (1.0, "rise of the oscillation of arteries and veins, relative"),
    "dropout": (0.25, "share of the vessels' length lost"),
    "nicking": (0.4, "depth of the notch where an artery crosses a vein, share of its calibre"),
    "cupping": (0.25, "rise of the cup-to-disc ratio of diameters, absolute"),
    "avascular": (0.6, "rise of the radius about the fovea without vessels, relative"),
}
"""What a disease can change: name -> usual amount, meaning."""


_UNSEEN_IN_OCTA = ("nicking", "cupping")


@dataclass(frozen=True, slots=True, kw_only=True)
class Disease:
    """A label of 0 or 1 and what it changes in both eyes of those who have it."""

    name: str
    effects: Mapping[str, float]  # name among EFFECTS -> amount
    share: float = 0.4  # of the people

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ConfigError(
                f"{self.name!r} cannot name a column", where="disease", remedy="hypertension=narrowing:0.2"
            )
        for effect in self.effects:
            if effect not in EFFECTS:
                raise ConfigError(
                    f"{self.name}: there is no effect {effect!r}", where="disease", remedy=", ".join(EFFECTS)
                )
        _check_share("share", self.share, "Disease")

    @classmethod
    def parse(cls, text: str, *, share: float = 0.4) -> Disease:
        """The disease written as `NAME=EFFECT[:AMOUNT][,EFFECT[:AMOUNT]…][@SHARE]`."""
        name, _, rest = text.partition("=")
        effects, at, own_share = rest.partition("@")
        try:
            amounts = {}
            for part in effects.split(","):
                effect, _, amount = part.strip().partition(":")
                amounts[effect] = float(amount) if amount else EFFECTS.get(effect, (0.0, ""))[0]
            return cls(name=name.strip(), effects=amounts, share=float(own_share) if at else share)
        except ValueError as error:
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(
                f"{text!r} does not read NAME=EFFECT:AMOUNT,…@SHARE",
                where="disease",
                remedy="hypertension=narrowing:0.2,nicking:0.4@0.3",
            ) from error

    def changed(self, traits: EyeTraits) -> EyeTraits:
        """The traits of an eye that has the disease, within what eyes can have."""
        new = traits
        for effect, amount in self.effects.items():
            match effect:
                case "narrowing":
                    new = replace(new, artery_calibre=max(new.artery_calibre * (1 - amount), 0.3))
                case "widening":
                    new = replace(new, vein_calibre=min(new.vein_calibre * (1 + amount), 2.0))
                case "winding":
                    new = replace(
                        new,
                        artery_tortuosity=min(new.artery_tortuosity * (1 + amount), 4.0),
                        vein_tortuosity=min(new.vein_tortuosity * (1 + amount), 4.0),
                    )
                case "dropout":
                    new = replace(new, dropout=min(new.dropout + amount, 0.6))
                case "nicking":
                    new = replace(new, nicking=min(new.nicking + amount, 0.8))
                case "cupping":
                    new = replace(new, cup_to_disc=min(new.cup_to_disc + amount, 0.9))
                case "avascular":
                    new = replace(new, avascular=min(new.avascular * (1 + amount), 3.0))
        return new


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A participant, with what was planted in the eyes."""

    participant_id: str
    eyes: tuple[str, ...]  # OD, OS
    age: int
    sex: str  # F | M
    site: str
    labels: Mapping[str, float]  # as they are; `unknown` names those that the manifest leaves empty
    unknown: frozenset[str] = frozenset()
    traits: tuple[EyeTraits, ...]  # one an eye
    has_masks: bool
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortDesign:
    """How a digital cohort is made."""

    size: tuple[int, int] = (640, 640)  # pixels of each picture
    modality: str = "cfp"  # cfp | octa
    one_eyed: float = 0.15  # share of people with one picture only
    hypertensive: float = 0.4  # share of people
    diseases: tuple[Disease, ...] = ()  # these instead of hypertension and HbA1c
    sites: tuple[str, ...] = ("north", "south")
    missing: float = 0.0  # share of the manifest's labels left empty
    masked: float = 0.5  # share of people whose masks are written too
    masked_eyes: int = 2  # of such a person's eyes, how many bring their masks
    masks: tuple[str, ...] = (
        "artery",
        "vein",
        "disc",
    )  # which of a photograph; `vessel` and `cup` are the others
    pictured: bool = True  # else the pictures show the field of view and nothing in it
    picture: str = "jpg"  # jpg (quality 92) | png
    columns: bool = False  # the truth table holds the true value of every biomarker column, too
    records: bool = False  # one JSON an eye with everything that was drawn

    def __post_init__(self) -> None:
        for name in ("one_eyed", "hypertensive", "masked", "missing"):
            _check_share(name, getattr(self, name), "CohortDesign")
        if self.picture not in ("jpg", "png"):
            raise ConfigError(
                f"picture is {self.picture!r}", where="CohortDesign", remedy='CohortDesign(picture="jpg")'
            )
        if self.modality not in ("cfp", "octa"):
            raise ConfigError(
                f"modality is {self.modality!r}", where="CohortDesign", remedy='CohortDesign(modality="cfp")'
            )
        unseen = [
            f"{disease.name}={effect}"
            for disease in self.diseases
            for effect in disease.effects
            if effect in _UNSEEN_IN_OCTA
        ]
        if self.modality == "octa" and unseen:
            raise ConfigError(
                f"OCTA does not show {', '.join(unseen)}",
                where="CohortDesign",
                remedy="diabetes=dropout:0.25,avascular:0.6",
            )
        if not self.sites:
            raise ConfigError("there are no sites", where="CohortDesign", remedy='sites=("one",)')


def draw_people(n_people: int, seed: int, *, design: CohortDesign | None = None) -> tuple[Person, ...]:
    """The people of a cohort: shares are met as nearly as whole people allow, HbA1c is spread evenly over 4.8-9.5."""
    if n_people < 1:
        raise ConfigError(f"n_people is {n_people}", where="draw_people", remedy="n_people=12")
    design = design or CohortDesign()
    rng = np.random.default_rng([seed, 3])
    spread = np.linspace(0, 1, n_people) ** 1.3 if n_people > 1 else np.array([0.5])
    hba1c = rng.permutation(4.8 + 4.7 * spread)
    hypertension = _assigned(n_people, design.hypertensive, rng)
    one_eyed = _assigned(n_people, design.one_eyed, rng)
    label_rng, missing_rng = (np.random.default_rng([seed, part]) for part in (5, 6))
    ill = {d.name: _assigned(n_people, d.share, label_rng) for d in design.diseases}
    masked = np.zeros(n_people, dtype=bool)
    turn = np.argsort(hypertension, kind="stable")  # cases and others bring masks in the same share
    masked[turn] = np.diff(np.floor(np.arange(n_people + 1) * design.masked + 0.5)) > 0
    people = []
    for index in range(n_people):
        calibre, winding = rng.normal(1, 0.03), rng.normal(1, 0.08)
        eyes = (str(rng.choice(["OD", "OS"])),) if one_eyed[index] else ("OD", "OS")
        labels: dict[str, float] = {d.name: int(ill[d.name][index]) for d in design.diseases}
        excess, narrowing = 0.0, 0.0
        if not design.diseases:
            labels = {"hypertension": int(hypertension[index]), "hba1c": round(float(hba1c[index]), 1)}
            excess, narrowing = float(hba1c[index]) - 5.5, _NARROWING * hypertension[index]
        traits = [
            EyeTraits(
                artery_calibre=float(calibre * rng.normal(1, 0.015) * (1 - narrowing)),
                vein_calibre=float(calibre * rng.normal(1, 0.015) * (1 + _WIDENING_PER_PERCENT * excess)),
                artery_tortuosity=float(winding * rng.normal(1, 0.05)),
                vein_tortuosity=float(
                    np.clip(winding * rng.normal(1, 0.05) * (1 + _WINDING_PER_PERCENT * excess), 0.3, 4.0)
                ),
                cup_to_disc=float(np.clip(rng.normal(0.42, 0.08), 0.25, 0.65)),
            )
            for _ in eyes
        ]
        if design.modality == "octa" and excess > 0:
            traits = [
                replace(
                    own,
                    avascular=1 + _AVASCULAR_PER_PERCENT * excess,
                    dropout=_DROPOUT_PER_PERCENT * excess,
                )
                for own in traits
            ]
        for disease in design.diseases:
            if labels[disease.name]:
                traits = [disease.changed(own) for own in traits]
        people.append(
            Person(
                participant_id=f"P{index + 1:03d}",
                eyes=eyes,
                age=int(rng.integers(42, 76)),
                sex=str(rng.choice(["F", "M"])),
                site=str(rng.choice(list(design.sites))),
                labels=labels,
                unknown=frozenset(name for name in labels if missing_rng.random() < design.missing),
                traits=tuple(traits),
                has_masks=bool(masked[index]),
                seed=int(rng.integers(2**31)),
            )
        )
    return tuple(people)


def _assigned(count: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """(count,) bool with the nearest whole number to `share` set, at random."""
    return rng.permutation(np.arange(count) < round(share * count))


def _check_share(name: str, value: float, where: str) -> None:
    if not 0 <= value <= 1:
        raise ConfigError(
            f"{name} is {value}, which is not a share", where=where, remedy=f"{where}({name}=0.5)"
        )
