"""Who was tested: from the images of a run to the people of a model, and what was left out on the way.

Every step's count less what it leaves out is the next step's, so that a reader can add them up (STROBE, von Elm 2007).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from retquant.association.covariates import Terms
from retquant.association.eyes import Rows
from retquant.association.study import Exclusion


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One box of the diagram."""

    what: str  # a clause that follows the count: "images in the run"
    count: int
    left_out: tuple[tuple[int, str], ...] = ()  # on the way to the next step, in the unit of this one
    detail: str = ""  # a second line
    least: int | None = None  # of a step that differs between biomarkers: `count` is then the most


def flow(
    rows: Rows,
    terms: Terms,
    table: pd.DataFrame,
    *,
    n_images: int,
    n_failed: int,
    exclusions: Sequence[Exclusion],
    grades: Mapping[str, int],
) -> tuple[Step, ...]:
    """The steps of an analysis, from all images of the run to the rows of its models.

    Parameters
    ----------
    rows, terms, table
        What the models were given, and what came out.
    n_images, n_failed : int
        Images that were measured, and images of the manifest that could not be.
    exclusions : sequence of Exclusion
        Left out between measuring and the rows; those that count no images say nothing here.
    grades : mapping
        Grade of quality -> images, of those measured.
    """
    left_out = [(one.count, one.what) for one in exclusions if one.of_images and one.count]
    used = int(rows.images.sum())
    rest = n_images - used - sum(count for count, _ in left_out)
    if rest:
        left_out.append((rest, "images that the rule for eyes does not use"))
    whose = "people" if rows.level == "person" else "eyes"
    known = ~np.isnan(terms.values).any(axis=1)
    fitted = table.loc[table["p"].notna(), "n_people" if rows.level == "person" else "n_eyes"]
    complete = int(known.sum())
    steps = [
        Step(
            what="images measured",
            count=n_images,
            left_out=tuple(left_out),
            detail=", ".join(f"{count:,} {grade}" for grade, count in grades.items()),
        ),
        Step(what="images of people with a known outcome", count=used, detail=_behind(rows)),
        Step(
            what=f"{whose} with a known outcome",
            count=len(known),
            left_out=((len(known) - complete, "without a covariate"),) if complete < len(known) else (),
        ),
        Step(
            what=f"{whose} with outcome and covariates",
            count=complete,
            left_out=_lacking(complete, fitted),
            detail=_events(rows, known, whose),
        ),
    ]
    if n_failed:
        steps.insert(
            0,
            Step(
                what="images in the run",
                count=n_images + n_failed,
                left_out=((n_failed, "images that could not be measured"),),
            ),
        )
    if len(fitted):
        what = f"{whose} in the models" if len(fitted) > 1 else f"{whose} in the model"
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


def _behind(rows: Rows) -> str:
    eyes = int(rows.eyes.max(axis=1).sum())
    return f"of {eyes:,} eyes in which something was measured, {len(np.unique(rows.person)):,} people"


def _lacking(complete: int, fitted: pd.Series) -> tuple[tuple[int, str], ...]:
    if not len(fitted) or int(fitted.min()) == complete:
        return ()
    fewest, most = complete - int(fitted.max()), complete - int(fitted.min())
    span = f"of the best measured biomarker, {most:,} of the worst" if fewest < most else "of each biomarker"
    return ((fewest, f"without a value {span}"),)


def _events(rows: Rows, known: np.ndarray, whose: str) -> str:
    outcome = rows.outcome[known]
    if not set(np.unique(outcome)) <= {0.0, 1.0}:
        return ""
    return f"{int(outcome.sum()):,} {whose} with the outcome, {int((outcome == 0).sum()):,} without"
