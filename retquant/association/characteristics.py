"""What Table 1 describes: the covariates, the groups that were asked for, and what every study of people tells."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from retquant.association.eye_rules import RowRule
from retquant.association.eyes import Rows, common_values
from retquant.association.outcome import clean
from retquant.association.people import chosen_visits, identify

USUAL = ("age", "sex", "ethnicity", "site", "device", "device_model")
"""Columns that are described where the table has them, covariates or not."""

_MOST_LEVELS = 30  # of a text; beyond it, it describes nobody


def characteristics(
    images: pd.DataFrame, rows: Rows, rule: RowRule, *, leave_out: Sequence[str] = ()
) -> pd.DataFrame:
    """Characteristics of the rows, numbers or texts, on their index.

    `images` are those of the study, a row an image; `leave_out` names what is no characteristic, as the outcome.
    """
    groups = [name for name in rows.groups.columns if name not in rows.covariates.columns]
    known = rows.covariates.join(rows.groups[groups])
    more = [name for name in USUAL if name in images.columns and name not in (*known.columns, *leave_out)]
    if not more:
        return known
    needed = ["image_id", "participant_id", "eye", "visit", "acquired_at", rule.near, *more]
    part = images[[name for name in dict.fromkeys(needed) if name in images.columns]]
    part = chosen_visits(identify(part)[0], rule.visits, rule.near)[0]
    told = pd.DataFrame({name: clean(part[name]) for name in more}, index=part.index)
    values = common_values(told, [part[name] for name in rows.covariates.index.names])[0]
    values = values.reindex(known.index)
    is_number = [pd.api.types.is_numeric_dtype(values[name]) for name in more]
    kept = [
        name
        for name, number in zip(more, is_number, strict=True)
        if 1 <= values[name].nunique() <= (len(values) if number else _MOST_LEVELS)
    ]
    return known.join(values[kept])
