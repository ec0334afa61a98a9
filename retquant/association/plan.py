"""The plan of an analysis: which outcomes, biomarkers and covariates, and what is one family of tests.

A TOML file, so that an analysis can be planned before the data are seen, kept with its results and run again.
"""

from __future__ import annotations

import fnmatch
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from retquant.association.eye_rules import RowRule
from retquant.association.modelling import Modelling
from retquant.association.outcome import KINDS
from retquant.config import read_toml
from retquant.errors import AssociationError

SPLINES = 3  # degrees of freedom of the test of a straight line, unless a plan or a flag says otherwise
REST = "other"  # family of the biomarkers that no family's globs name


_MODELLING = TypeAdapter(Modelling)


class PlannedOutcome(BaseModel):
    """One outcome."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str = Field(min_length=1)  # of the labels, or column=value
    kind: str = "auto"
    time: str | None = None  # column of follow-up times
    entry: str | None = None  # column of the times from which people are at risk
    event_date: str | None = None  # columns of dates, in place of `time`: of the diagnosis,
    entry_date: str | None = None  # of entry into the study,
    end_date: str | None = None  # and of the end of follow-up; `column` then only names the outcome
    family: str = "outcomes"  # outcomes whose tests count together
    covariates: tuple[str, ...] | None = None  # in place of the plan's
    changes: dict[str, Any] = Field(default_factory=dict)  # of the plan's modelling, for this outcome

    @model_validator(mode="before")
    @classmethod
    def _gathered(cls, read: dict[str, Any]) -> dict[str, Any]:
        """Settings of the model, which stand beside the others in a plan, together."""
        of_models = {one.name for one in fields(Modelling)} & set(read)
        rest = {name: value for name, value in read.items() if name not in of_models}
        return rest | {"changes": {name: read[name] for name in of_models}} if of_models else rest

    @field_validator("kind")
    @classmethod
    def _is_known(cls, kind: str) -> str:
        if kind not in ("auto", *KINDS):
            raise ValueError(f"{kind!r} is none of auto, {', '.join(KINDS)}")
        return kind

    @model_validator(mode="after")
    def _has_all_dates_or_none(self) -> PlannedOutcome:
        dates = (self.event_date, self.entry_date, self.end_date)
        if any(dates) and (not all(dates) or self.time is not None):
            raise ValueError("give event_date, entry_date and end_date together, and no time beside them")
        return self


class AssociationPlan(BaseModel):
    """What is tested against what."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[\w.-]+$")  # of the folder of results
    outcomes: tuple[PlannedOutcome, ...] = Field(min_length=1)
    labels: Path | None = None  # relative to the plan's folder
    covariates: tuple[str, ...] = ()
    biomarkers: tuple[str, ...] = ("*",)
    rows: RowRule = RowRule()  # its settings are the plan's own: eyes, visits, near, seed
    modelling: Modelling = Modelling(splines=SPLINES)  # and so are its: model, transform, strata, site, …
    robust: int = Field(default=10, ge=0)  # best biomarkers of each outcome that are analysed again otherwise
    harmonise: str | None = None  # column of devices or sites between which biomarkers are made alike first
    prediction: bool = True  # cross-validate how well each outcome is predicted
    gate: bool = True  # leave out values of pictures not good enough for them
    families: dict[str, tuple[str, ...]] = Field(default_factory=dict)  # of biomarkers: name -> globs

    @model_validator(mode="before")
    @classmethod
    def _gathered(cls, read: dict[str, Any]) -> dict[str, Any]:
        """Settings of rows and models, which stand beside the others in a plan, in their groups."""
        read = dict(read)
        for group, kind, usual in (("rows", RowRule, {}), ("modelling", Modelling, {"splines": SPLINES})):
            given = {one.name: read.pop(one.name) for one in fields(kind) if one.name in read}
            if group not in read:
                read[group] = usual | given
            elif given:
                raise ValueError(f"give {', '.join(given)} within {group}, or without it")
        return read

    @model_validator(mode="after")
    def _names_each_outcome_once(self) -> AssociationPlan:
        names = [outcome.column for outcome in self.outcomes]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"the outcome {twice[0]} is there twice")
        return self

    @model_validator(mode="after")
    def _has_models(self) -> AssociationPlan:
        for outcome in self.outcomes:
            try:
                self.modelling_of(outcome)
            except ValidationError as error:
                told = "; ".join(_told(one) for one in error.errors())
                raise ValueError(f"the outcome {outcome.column}: {told}") from None
        return self

    def modelling_of(self, outcome: PlannedOutcome) -> Modelling:
        """How an outcome is modelled: as the plan says, but for what the outcome says otherwise."""
        return _MODELLING.validate_python(asdict(self.modelling) | outcome.changes)

    def family_of(self, biomarker: str) -> str:
        """The first family one of whose globs names the biomarker; all are one family where none is declared."""
        for family, globs in self.families.items():
            if any(fnmatch.fnmatchcase(biomarker, glob) for glob in globs):
                return family
        return REST if self.families else "biomarkers"


def load_plan(path: Path) -> AssociationPlan:
    """Read a plan; its labels are found from its own folder.

    Raises
    ------
    ConfigError
        The file is missing or no TOML.
    AssociationError
        A setting is unknown or wrong.
    """
    read = {"name": path.stem, **read_toml(path, missing="give the path of a plan in TOML")}
    try:
        plan = AssociationPlan.model_validate(read)
    except ValidationError as error:
        faults = "; ".join(_told(one) for one in error.errors())
        raise AssociationError(
            faults, where=str(path), remedy="see pipelines/association.toml for a plan that works"
        ) from None
    if plan.labels is None or plan.labels.is_absolute():
        return plan
    return plan.model_copy(update={"labels": path.parent / plan.labels})


def _told(fault: Any) -> str:
    """A fault that pydantic found, or that one of our own settings told it of."""
    own = fault.get("ctx", {}).get("error")
    if isinstance(own, AssociationError):
        return f"{own.where}: {own.problem} ({own.remedy})" if own.where else f"{own.problem} ({own.remedy})"
    return f"{'.'.join(map(str, fault['loc'])) or 'plan'}: {fault['msg']}"
