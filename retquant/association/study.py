"""What was analysed and on whom: what the headline, the exclusions and the methods text state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from retquant.association.modelling import Modelling

ROW_UNITS: Mapping[str, str] = MappingProxyType(
    {"person": "people", "eye": "eyes", "visit": "visits", "eye at a visit": "eyes at visits"}
)
"""What a row of an analysis can be, with its plural; all but the first give a person several rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """Rows that did not enter the analysis, and why."""

    what: str  # a clause: "images of people without a row in the labels"
    count: int
    ids: tuple[str, ...] = ()  # every identifier concerned, in order of appearance
    of_images: bool = True  # False where label rows or identifiers are counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """One outcome, the rule that made rows out of eyes, and the numbers of people behind the table."""

    outcome: str  # as asked for: a column, or column=value
    kind: str  # one of outcome.KINDS
    level: str  # one of ROW_UNITS
    coding: str  # what 1 and 0 mean, or in what the outcome is measured
    covariates: tuple[str, ...]  # as asked for
    terms: tuple[str, ...]  # columns of the design matrix that they became
    eye_rule: str
    visit_rule: str
    model: str  # the model that most rows of the table use
    n_images: int
    n_people: int
    n_eyes: int
    n_events: int | None  # rows (people, or eyes) with the outcome; None where the outcome is no event
    exclusions: tuple[Exclusion, ...] = ()
    warnings: tuple[str, ...] = ()  # may change what the numbers mean
    notes: tuple[str, ...] = ()  # rules that were applied
    modelling: Modelling = field(default_factory=Modelling)  # what was asked for
    source: str = ""  # where the biomarkers came from

    @property
    def row_unit(self) -> str:
        """What one row of the analysis is, in the plural."""
        return ROW_UNITS[self.level]

    @property
    def response(self) -> str:
        """What the models explain: "outcome" or "biomarker"."""
        return self.modelling.response

    @property
    def is_clustered(self) -> bool:
        """Whether a person may have several rows."""
        return self.level != "person"
