"""What the report shows beside the estimates: on whom they rest, how biomarkers hang together, what noise costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from retquant.association.characteristics import characteristics
from retquant.association.correlation import correlations
from retquant.association.covariates import Terms
from retquant.association.dose_response import MOST, DoseResponse, dose_responses
from retquant.association.eye_rules import RowRule
from retquant.association.eyes import Rows
from retquant.association.far_values import far_values
from retquant.association.flow import Step, flow
from retquant.association.measurement_error import measurement_errors
from retquant.association.modelling import Modelling
from retquant.association.multiplicity import effective_tests
from retquant.association.prediction import Prediction, predict
from retquant.association.results import Results
from retquant.association.study import Study
from retquant.association.table_one import TableOne, table_one

CORRELATED = 60  # biomarkers of least p whose correlations are shown


@dataclass(frozen=True, eq=False, kw_only=True)
class CloserLook:
    """Everything that needs the rows of an analysis and not only its table."""

    flow: tuple[Step, ...]
    table_one: TableOne
    effective: float  # tests that this outcome's biomarkers amount to, by their correlations
    correlations: pd.DataFrame  # (B, B) of the best biomarkers, least p first
    doses: tuple[DoseResponse, ...]  # of the best biomarkers
    errors: pd.DataFrame  # columns of measurement_error.COLUMNS
    far: pd.DataFrame  # columns of far_values.COLUMNS, of the best biomarkers
    prediction: Prediction | None  # None where it was not asked for, or the kind of outcome has none


def look_closer(
    rows: Rows,
    terms: Terms,
    table: pd.DataFrame,
    *,
    study: Study,
    found: Results,
    images: pd.DataFrame,
    rule: RowRule,
    modelling: Modelling,
    most: int,
    predicts: bool,
) -> CloserLook:
    """Describe the rows of an analysis and what its table of associations rests on.

    Parameters
    ----------
    rows, terms, table
        What the models were given, and what came out.
    study : Study
        What was analysed.
    found : Results
        What the analysis began with.
    images : DataFrame
        Those of the study, a row an image, with participant_id and eye where they are known.
    rule : RowRule
        Which eyes and visits are rows.
    modelling : Modelling
        How each pair was modelled. Where the biomarker is the response it has no curve, and noise costs it no effect.
    most : int
        Biomarkers of least p whose curve and measurement error are looked at.
    predicts : bool
        Whether to cross-validate a prediction of the outcome.
    """
    tested = table.loc[(table["role"] == "biomarker") & table["p"].notna(), "biomarker"].tolist()
    best = tested[:CORRELATED]
    values = rows.biomarkers[best].to_numpy(dtype=float) if best else np.empty((len(rows.outcome), 0))
    curves = min(most, MOST) if modelling.response == "outcome" else 0
    return CloserLook(
        flow=flow(rows, terms, table, found=found, exclusions=study.exclusions),
        table_one=table_one(
            rows,
            characteristics(images, rows, rule, leave_out=(study.outcome, study.outcome.partition("=")[0])),
            kind=study.kind,
            outcome=study.outcome,
        ),
        effective=effective_tests(rows.biomarkers[tested]) if tested else 0.0,
        correlations=pd.DataFrame(correlations(values), index=best, columns=best),
        doses=dose_responses(rows, terms, table, kind=study.kind, modelling=modelling, most=curves),
        errors=measurement_errors(
            images, rows, terms, table, most=most, refusal=_no_correction(rule, modelling)
        ),
        far=far_values(images, tested[:most]),
        prediction=predict(rows, terms, tested, kind=study.kind) if predicts else None,
    )


def _no_correction(rule: RowRule, modelling: Modelling) -> str:
    """Why the analysed values allow no correction for noise; empty where they do."""
    if modelling.response == "biomarker":
        return "noise of a biomarker that is explained makes estimates less sure, and no smaller"
    if modelling.transform != "none":
        return "the noise of transformed values is not that of the measurements"
    if rule.policy == "worse":
        return "the worse of two eyes is no mean of measurements"
    return ""
