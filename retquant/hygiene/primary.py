"""Which of several pictures of an eye and visit is the best: the one to take where one is wanted."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from retquant.hygiene.cohort_columns import UNKNOWN, CohortColumns


def primary(columns: CohortColumns) -> pa.Array:
    """(N,) bool: true for the best picture of each eye, visit and modality, false for the others and for failures.

    The best grade goes first, then the highest `quality_score`, then the manifest's order. An eye that the manifest
    does not name is the one that the picture shows. Null where that is not known either and the person has further
    pictures of the visit: nobody can tell then whether they are of one eye. Images without a person are each alone.
    """
    count = len(columns.ids)
    alone = columns.person == UNKNOWN
    owner = np.where(alone, columns.person.max(initial=0) + 1 + np.arange(count), columns.person)
    eye = np.where(columns.eye > 0, columns.eye, columns.eye_shown)
    visit = np.stack([owner, columns.visit, columns.modality], axis=1)
    is_best = _best(np.column_stack([visit, eye]), columns) & columns.is_measured
    return pa.array(is_best, mask=(eye == 0) & ~_are_single(visit))


def _best(groups: np.ndarray, columns: CohortColumns) -> np.ndarray:
    """(N,) True for the first of each group in the order of merit."""
    score = np.nan_to_num(columns.score, nan=-1.0)
    merit = (np.arange(len(score)), -score, -columns.grade.astype(int), ~columns.is_measured)
    order = np.lexsort((*merit, *groups.T[::-1]))
    is_first = np.ones(len(order), bool)
    is_first[1:] = (groups[order][1:] != groups[order][:-1]).any(axis=1)
    best = np.zeros(len(order), bool)
    best[order[is_first]] = True
    return best


def _are_single(groups: np.ndarray) -> np.ndarray:
    """(N,) whether a row is the only one of its group."""
    _, of, sizes = np.unique(groups, axis=0, return_inverse=True, return_counts=True)
    return np.asarray(sizes[of.ravel()] == 1)
