"""Images whose value lies far from all others, of the strongest biomarkers: a finding may rest on a few of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from retquant.tables.outliers import FAR, robust_z

MOST = 5  # images named a biomarker, farthest first
COLUMNS = ("biomarker", "image_id", "participant_id", "value", "z", "images")
"""`z` in robust standard deviations from the median; `images` lie as far, whether named or not."""


def far_values(images: pd.DataFrame, biomarkers: Sequence[str]) -> pd.DataFrame:
    """Of each biomarker the images beyond five robust standard deviations; columns of COLUMNS."""
    records = []
    ids = images["image_id"].astype(str).to_numpy()
    person = images["participant_id"].astype(str).to_numpy() if "participant_id" in images.columns else ids
    for name in biomarkers:
        values = images[name].to_numpy(dtype=float)
        known = np.flatnonzero(np.isfinite(values))
        z = robust_z(values[known]) if len(known) else None
        if z is None:
            continue
        far = np.flatnonzero(np.abs(z) >= FAR)
        for place in far[np.argsort(-np.abs(z[far]), kind="stable")][:MOST]:
            row = known[place]
            records.append(
                {
                    "biomarker": name,
                    "image_id": ids[row],
                    "participant_id": person[row],
                    "value": float(values[row]),
                    "z": float(z[place]),
                    "images": len(far),
                }
            )
    return pd.DataFrame(records, columns=list(COLUMNS))
