"""Belief propagation over things of two kinds, each with evidence of its own and ties to its neighbours.

The model is a Markov random field of two labels: the energy of a labelling s (each +1 or -1) is

    -1/2 (sum of evidence_i s_i + sum over links of coupling_ij s_i s_j),

so that evidence is the log odds of +1 against -1 of one thing alone, and a coupling the log odds that two things alone
with each other are alike; it may be negative. Sum-product messages (J. Pearl, Probabilistic Reasoning in Intelligent
Systems, 1988) give each thing's log odds under all of it together: exactly on a forest, and in practice closely where
there are few loops (K. P. Murphy, Y. Weiss, M. I. Jordan, Uncertainty in Artificial Intelligence 1999, 467-475).

Shapes: S things, L links.
"""

from __future__ import annotations

import numpy as np

_MOST_ROUNDS = 200
_DAMPING = 0.5  # share of the old message kept, without which messages round a loop may swing for ever
_SETTLED = 1e-3  # log odds
_CERTAIN = 1 - 1e-12


def beliefs(evidence: np.ndarray, links: np.ndarray, coupling: np.ndarray) -> np.ndarray:
    """(S,) log odds of +1 against -1 of each thing, given `evidence` (S,), `links` (L, 2) int and `coupling` (L,)."""
    count = len(links)
    source, target = np.concatenate([links, links[:, ::-1]]).T if count else np.zeros((2, 0), np.intp)
    back = np.concatenate([np.arange(count) + count, np.arange(count)])
    tie = np.tanh(np.concatenate([coupling, coupling]) / 2)
    message = np.zeros(2 * count)
    for _ in range(_MOST_ROUNDS):
        known = evidence + np.bincount(target, message, minlength=len(evidence))
        told = 2 * np.arctanh(
            np.clip(tie * np.tanh((known[source] - message[back]) / 2), -_CERTAIN, _CERTAIN)
        )
        change = np.abs(told - message).max(initial=0.0)
        message = _DAMPING * message + (1 - _DAMPING) * told
        if change < _SETTLED:
            break
    found: np.ndarray = evidence + np.bincount(target, message, minlength=len(evidence))
    return found
