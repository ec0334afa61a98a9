"""Belief propagation against every labelling counted."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from retquant.vessels.belief import beliefs


def counted(evidence: np.ndarray, links: np.ndarray, coupling: np.ndarray) -> np.ndarray:
    """Log odds of each thing by summing over all labellings."""
    states = np.array(list(product((-1, 1), repeat=len(evidence))))
    weight = (states @ evidence + (states[:, links[:, 0]] * states[:, links[:, 1]]) @ coupling) / 2
    chance = np.exp(weight - weight.max())
    up = np.array([chance[states[:, k] > 0].sum() for k in range(len(evidence))])
    return np.log(up / (chance.sum() - up))


@pytest.mark.parametrize("seed", range(5))
def test_on_a_tree_the_odds_are_exact(seed: int) -> None:
    rng = np.random.default_rng(seed)
    links = np.array([(int(rng.integers(k)), k) for k in range(1, 12)])
    evidence, coupling = rng.normal(0, 1, 12), rng.normal(0, 2, 11)  # some attract, some repel
    found = beliefs(evidence, links, coupling)
    # messages stop changing by a thousandth, of eleven links
    assert found == pytest.approx(counted(evidence, links, coupling), abs=0.01)


def test_on_a_long_loop_the_labels_are_those_of_the_exact_odds() -> None:
    links = np.array([(k, (k + 1) % 8) for k in range(8)])
    evidence = np.array([1.0, 0.2, -0.3, 0.1, -0.2, 0.4, 0.1, -0.1])
    coupling = np.array([1.5, 1.5, 1.5, -1.0, 1.5, 1.5, 1.5, 1.5])
    found, exact = beliefs(evidence, links, coupling), counted(evidence, links, coupling)
    assert (np.sign(found) == np.sign(exact)).all()


def test_things_without_links_keep_their_evidence() -> None:
    alone = np.array([1.5, -0.5])
    np.testing.assert_array_equal(beliefs(alone, np.zeros((0, 2), int), np.zeros(0)), alone)
