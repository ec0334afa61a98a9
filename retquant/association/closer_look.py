"""What the report shows beside the estimates: on whom they rest, and how biomarkers hang together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from retquant.association.correlation import correlations
from retquant.association.covariates import Terms
from retquant.association.eyes import Rows
from retquant.association.flow import Step
from retquant.association.multiplicity import effective_tests
from retquant.association.table_one import TableOne, table_one

CORRELATED = 60  # biomarkers of least p whose correlations are shown


@dataclass(frozen=True, eq=False, kw_only=True)
class CloserLook:
    """Everything that needs the rows of an analysis and not only its table."""

    flow: tuple[Step, ...]
    table_one: TableOne
    effective: float  # tests that this outcome's biomarkers amount to, by their correlations
    correlations: pd.DataFrame  # (B, B) of the best biomarkers, least p first


def look_closer(
    rows: Rows, terms: Terms, table: pd.DataFrame, *, kind: str, outcome: str, steps: tuple[Step, ...]
) -> CloserLook:
    """Describe the rows of an analysis and what its table of associations rests on."""
    tested = table.loc[(table["role"] == "biomarker") & table["p"].notna(), "biomarker"].tolist()
    best = tested[:CORRELATED]
    values = rows.biomarkers[best].to_numpy(dtype=float) if best else np.empty((len(rows.outcome), 0))
    return CloserLook(
        flow=steps,
        table_one=table_one(rows, rows.covariates, kind=kind, outcome=outcome),
        effective=effective_tests(rows.biomarkers[tested]) if tested else 0.0,
        correlations=pd.DataFrame(correlations(values), index=best, columns=best),
    )
