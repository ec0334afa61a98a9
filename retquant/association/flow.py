"""Who was tested: from the images of a run to the people of a model, and what was left out on the way.

Every step's count less what it leaves out is the next step's, so that a reader can add them up (STROBE, von Elm 2007).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from retquant.association.covariates import Terms
from retquant.association.eyes import Rows
from retquant.association.results import Results
from retquant.association.study import ROW_UNITS, Exclusion


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """What does not go on to the next step, in the unit of the step before."""

    count: int
    what: str
    most: int | None = None  # where it differs between biomarkers: `count` is then the least


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One box of the diagram."""

    what: str  # a clause that follows the count: "images in the run"
    count: int
    left_out: tuple[LeftOut, ...] = ()  # on the way to the next step
    detail: str = ""  # a second line
    least: int | None = None  # of a step that differs between biomarkers: `count` is then the most


def flow(
    rows: Rows,
    terms: Terms,
    table: pd.DataFrame,
    *,
    found: Results,
    exclusions: Sequence[Exclusion],
) -> tuple[Step, ...]:
    """The steps of an analysis, from all images of the run to the rows of its models.

    Parameters
    ----------
    rows, terms, table
        What the models were given, and what came out.
    found : Results
        What the analysis began with.
    exclusions : sequence of Exclusion
        Left out between measuring and the rows; those that count no images say nothing here.
    """
    n_images = len(found.images)
    left_out = [LeftOut(count=one.count, what=one.what) for one in exclusions if one.of_images and one.count]
    used = int(rows.images.sum())
    rest = n_images - used - sum(one.count for one in left_out)
    if rest:
        left_out.append(LeftOut(count=rest, what="images that the rule for eyes does not use"))
    whose = ROW_UNITS[rows.level]
    known = ~np.isnan(terms.values).any(axis=1)
    counted = "n_eyes" if rows.level == "eye" else "n_people"
    fitted = table.loc[table["p"].notna(), counted]
    complete = int(known.sum())
    steps = [
        Step(
            what="images measured",
            count=n_images,
            left_out=tuple(left_out),
            detail=", ".join(f"{count:,} {grade}" for grade, count in found.grades.items()),
        ),
        Step(what="images of people with a known outcome", count=used, detail=_behind(rows)),
        Step(
            what=f"{whose} with a known outcome",
            count=len(known),
            left_out=_some(len(known) - complete, f"{whose} without a covariate"),
        ),
        Step(
            what=f"{whose} with outcome and covariates",
            count=complete,
            left_out=_lacking(complete, fitted, whose) if rows.level in ("person", "eye") else (),
            detail=_events(rows, known, whose),
        ),
    ]
    if found.failed:
        steps.insert(
            0,
            Step(
                what="images in the run",
                count=n_images + found.failed,
                left_out=_some(found.failed, "images that could not be measured"),
            ),
        )
    if len(fitted):
        unit = "eyes" if counted == "n_eyes" else "people"
        what = f"{unit} in the models" if len(fitted) > 1 else f"{unit} in the model"
        detail = f"{len(fitted):,} biomarkers, a model each; median {fitted.median():,.0f}"
        least = int(fitted.min())
        most = int(fitted.max())
        steps.append(
            Step(
                what=what,
                count=most,
                least=least if least < most else None,
                detail=detail if len(fitted) > 1 else "",
            )
        )
    return tuple(steps)


def _some(count: int, what: str) -> tuple[LeftOut, ...]:
    return (LeftOut(count=count, what=what),) if count else ()


def _behind(rows: Rows) -> str:
    eyes = int(rows.eyes.max(axis=1).sum())
    return f"{eyes:,} eyes with a measurement, of {len(np.unique(rows.person)):,} people"


def _lacking(complete: int, fitted: pd.Series, whose: str) -> tuple[LeftOut, ...]:
    if not len(fitted) or int(fitted.min()) == complete:
        return ()
    fewest, most = complete - int(fitted.max()), complete - int(fitted.min())
    what = f"{whose} without the biomarker"
    return (LeftOut(count=fewest, what=what, most=most if most > fewest else None),)


def _events(rows: Rows, known: np.ndarray, whose: str) -> str:
    outcome = rows.outcome[known]
    if not set(np.unique(outcome)) <= {0.0, 1.0}:
        return ""
    return f"{int(outcome.sum()):,} {whose} with the outcome, {int((outcome == 0).sum()):,} without"
