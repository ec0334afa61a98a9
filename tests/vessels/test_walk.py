"""The pixels of a skeleton as nodes and paths: every pixel once, rings, and what skan makes of the same."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from skan import Skeleton

from retquant.phantoms import simple_eye
from retquant.vessels.thinning import bordered, thin
from retquant.vessels.walk import Walk, walk


def walked(mask: np.ndarray) -> Walk:
    pixels = bordered(mask)
    thin(pixels)
    return walk(pixels)


def paths(found: Walk) -> list[np.ndarray]:
    return [found.steps[begin:end] for begin, end in pairwise(found.starts)]


@pytest.mark.parametrize("seed", range(30))
def test_every_pixel_is_in_a_node_or_in_one_path(seed: int) -> None:
    rng = np.random.default_rng(seed)
    noise = rng.random((70, int(rng.integers(3, 90)))).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), float(rng.uniform(0.3, 4)))
    found = walked(noise > np.quantile(noise, rng.uniform(0.1, 0.9)))
    inner = np.concatenate([np.zeros(0, int), *(path[1:-1] for path in paths(found))])
    assert (np.bincount(inner, minlength=len(found.node)) == (found.node < 0)).all()
    for path in paths(found):
        assert (found.node[path[[0, -1]]] >= 0).all()
        assert np.abs(np.diff(found.rows[path])).max() <= 1
        assert np.abs(np.diff(found.columns[path])).max() <= 1
    pairs = [tuple(sorted(pair)) for path in paths(found) if len(path) == 2 for pair in [path.tolist()]]
    assert len(pairs) == len(set(pairs))  # no link is walked twice


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["artery", "vein", "vessel"])
def test_paths_are_those_of_skan(name: str, seed: int) -> None:
    mask = simple_eye(seed, size=(512, 512)).coverage(name) >= 0.5
    found = walked(mask)
    pixels = bordered(mask)
    thin(pixels)
    other = Skeleton(pixels.astype(bool), keep_images=False)
    ours = sorted(
        sorted(zip(found.rows[path].tolist(), found.columns[path].tolist(), strict=True))
        for path in paths(found)
    )
    theirs = sorted(
        sorted(map(tuple, np.asarray(other.coordinates)[other.path(i)].tolist()))
        for i in range(other.n_paths)
    )
    assert len(ours) > 30
    assert ours == theirs


def test_a_ring_has_one_node_and_one_path_round_it() -> None:
    mask = np.zeros((30, 30), np.uint8)
    cv2.circle(mask, (14, 14), 9, 1)
    found = walked(mask > 0)
    assert found.node.max() == 0
    (path,) = paths(found)
    assert path[0] == path[-1]
    assert len(path) == len(found.node) + 1


def test_a_lone_pixel_is_a_node_without_a_path_and_nothing_gives_nothing() -> None:
    mask = np.zeros((5, 5), bool)
    assert not len(walked(mask).node)
    mask[2, 2] = True
    found = walked(mask)
    assert found.node.tolist() == [0]
    assert not len(found.steps)
