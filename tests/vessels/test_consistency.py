"""Labels of arteries and veins weighed along vessels: wrong ones are found, right ones stay, crossings keep both."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pytest
from scipy.spatial import cKDTree

from retquant.config import VesselSettings
from retquant.phantoms import Eye, simple_eye
from retquant.segmentation.segmentation import TargetMask
from retquant.vessels.consistency import consistent

SIZE = 768


@dataclass(frozen=True)
class Labelled:
    """An eye whose maps have wrong labels on some stretches."""

    eye: Eye
    maps: dict[str, TargetMask]
    is_wrong: np.ndarray  # (H, W) bool

    @property
    def disc(self) -> tuple[tuple[float, float], float]:
        outline = self.eye.shape.disc
        assert outline is not None
        return outline.center, float(np.mean(outline.semi_axes))

    def refined(self, **settings: float | bool) -> dict[str, TargetMask]:
        return consistent(
            self.maps,
            fov=self.eye.drawn["fov"] > 0.5,
            settings=VesselSettings.model_validate(settings),
            disc=self.disc,
        )


def map_of(share: np.ndarray, source: str = "model:phantom") -> TargetMask:
    return TargetMask(probability=np.rint(255 * share).astype(np.uint8), source=source)


@lru_cache
def grown(seed: int) -> tuple[Eye, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """An eye, the coverage by its arteries and by its veins, pixels of either, and the nearest centre-line point."""
    eye = simple_eye(seed, size=(SIZE, SIZE))
    artery, vein = eye.coverage("artery"), eye.coverage("vein")
    where = np.argwhere(artery + vein > 0)
    return (
        eye,
        artery,
        vein,
        where,
        cKDTree(np.concatenate([v.points for v in eye.vessels])).query(where)[1],
    )


def labelled(seed: int, *, wrong: float, stretch: int = 12, noise: float = 0.0) -> Labelled:
    """An eye; the share `wrong` of stretches of so many points (25 um each) has the other label, all have noise."""
    rng = np.random.default_rng(seed)
    eye, artery, vein, where, nearest = grown(seed)
    chosen = []
    for vessel in eye.vessels:
        parts = np.array_split(np.zeros(len(vessel.points), bool), max(1, len(vessel.points) // stretch))
        chosen += [np.full(len(part), rng.random() < wrong) for part in parts]
    is_wrong = np.zeros(artery.shape, bool)
    is_wrong[tuple(where.T)] = np.concatenate(chosen)[nearest]
    first, second = np.where(is_wrong, vein, artery), np.where(is_wrong, artery, vein)
    whole = np.maximum(artery, vein)
    if noise:
        odds = 2 * np.sign(first - second) + noise * rng.normal(size=first.shape)
        is_one = ~((first > 0.3) & (second > 0.3))  # a crossing stays one
        first = np.where(is_one, whole / (1 + np.exp(-odds)), first)
        second = np.where(is_one, whole / (1 + np.exp(odds)), second)
    maps = {"artery": map_of(first), "vein": map_of(second), "vessel": map_of(whole)}
    return Labelled(eye, maps, is_wrong)


def share_right(found: dict[str, TargetMask], of: Labelled, where: np.ndarray) -> tuple[float, float]:
    """Of the true centre lines of single vessels outside the disc, in `where`: shares labelled right and wrong."""
    (row, col), radius = of.disc
    points, is_artery = (
        np.concatenate([np.rint(v.points) for v in of.eye.vessels]).astype(int),
        np.concatenate([np.full(len(v.points), v.structure == "artery") for v in of.eye.vessels]),
    )
    is_in = ((points >= 0) & (points < SIZE)).all(axis=1)
    points, is_artery = points[is_in], is_artery[is_in]
    at = points[:, 0], points[:, 1]
    drawn = [coverage[at] >= 0.5 for coverage in grown(of.eye.seed)[1:3]]
    judged = (drawn[0] ^ drawn[1]) & where[at] & (np.hypot(at[0] - row, at[1] - col) > 1.1 * radius)
    artery, vein = (found[kind].mask[at] for kind in ("artery", "vein"))
    own, other = np.where(is_artery, artery, vein), np.where(is_artery, vein, artery)
    return float((own & ~other)[judged].mean()), float((other & ~own)[judged].mean())


@pytest.fixture(scope="module")
def a_tenth_wrong() -> Labelled:
    return labelled(0, wrong=0.1)


def test_wrong_stretches_are_set_right_and_right_ones_stay(a_tenth_wrong: Labelled) -> None:
    found = a_tenth_wrong.refined()
    # what is left: a whole side branch that is wrong and hangs on a right angle, and vessels of few pixels
    assert share_right(found, a_tenth_wrong, a_tenth_wrong.is_wrong)[0] > 0.85
    right, wrong = share_right(found, a_tenth_wrong, ~a_tenth_wrong.is_wrong)
    assert right > 0.97
    assert wrong < 0.01


def test_right_labels_are_left_alone() -> None:
    clean = labelled(1, wrong=0.0)
    right, wrong = share_right(clean.refined(), clean, np.ones((SIZE, SIZE), bool))
    assert right > 0.98
    assert wrong < 0.006


def test_noise_of_every_pixel_is_averaged_out_along_the_vessel() -> None:
    noisy = labelled(2, wrong=0.1, noise=2.0)
    anywhere = np.ones((SIZE, SIZE), bool)
    before = share_right(noisy.maps, noisy, anywhere)[0]
    after = share_right(noisy.refined(), noisy, anywhere)[0]
    assert before < 0.8
    assert after > 0.93


def test_crossings_keep_both(a_tenth_wrong: Labelled) -> None:
    found = a_tenth_wrong.refined()
    (row, col), radius = a_tenth_wrong.disc
    kept = [
        bool(found["artery"].mask[at] and found["vein"].mask[at])
        for c in a_tenth_wrong.eye.crossings
        if min(c.artery_calibre, c.vein_calibre) > 1.5
        and np.hypot(c.position[0] - row, c.position[1] - col) > 1.1 * radius
        for at in [(round(c.position[0]), round(c.position[1]))]
    ]
    assert len(kept) >= 10
    assert np.mean(kept) >= 0.95


def test_no_edge_moves(a_tenth_wrong: Labelled) -> None:
    found = a_tenth_wrong.refined(artery_vein_sureness=0.5)
    together = np.maximum(found["artery"].probability, found["vein"].probability)
    np.testing.assert_array_equal(together, a_tenth_wrong.maps["vessel"].probability)


def test_a_vessel_without_evidence_is_of_neither_kind() -> None:
    eye = labelled(0, wrong=0.0)
    half = {name: map_of(eye.maps["vessel"].probability / 255 * 0.55) for name in ("artery", "vein")}
    maps = {**half, "vessel": eye.maps["vessel"]}
    found = consistent(maps, fov=eye.eye.drawn["fov"] > 0.5, settings=VesselSettings())
    assert maps["artery"].mask.sum() > 1000
    # specks that no line of the network passes are left as they are
    assert found["artery"].mask.sum() + found["vein"].mask.sum() < 0.01 * maps["artery"].mask.sum()


def test_a_model_that_leans_to_one_kind_is_set_upright() -> None:
    straight = labelled(2, wrong=0.05, noise=1.0)
    leaning = dict(straight.maps)
    share = [np.clip(straight.maps[kind].probability / 255, 0.01, 0.99) for kind in ("artery", "vein")]
    odds = np.log(share[0] / share[1]) + 2.0
    whole = straight.maps["vessel"].probability / 255
    leaning |= {"artery": map_of(whole / (1 + np.exp(-odds))), "vein": map_of(whole / (1 + np.exp(odds)))}
    tilted = Labelled(straight.eye, leaning, straight.is_wrong)
    anywhere = np.ones((SIZE, SIZE), bool)
    assert share_right(leaning, tilted, anywhere)[0] < 0.75
    assert share_right(tilted.refined(), tilted, anywhere)[0] > 0.95


def test_nothing_changes_inside_the_disc(a_tenth_wrong: Labelled) -> None:
    found = a_tenth_wrong.refined()
    (row, col), radius = a_tenth_wrong.disc
    rows, cols = np.indices((SIZE, SIZE))
    inside = np.hypot(rows - row, cols - col) < radius - 1
    for kind in ("artery", "vein"):
        before, after = a_tenth_wrong.maps[kind].probability, found[kind].probability
        np.testing.assert_array_equal(before[inside], after[inside])


@pytest.mark.parametrize("given", ["artery", "vein"])
def test_what_a_person_drew_is_never_touched(a_tenth_wrong: Labelled, given: str) -> None:
    drawn = {given: map_of(a_tenth_wrong.maps[given].probability / 255, source="manifest")}
    maps = {**a_tenth_wrong.maps, **drawn}
    assert consistent(maps, fov=a_tenth_wrong.eye.drawn["fov"] > 0.5, settings=VesselSettings()) == {}


def test_flipped_and_turned_maps_give_flipped_and_turned_ones() -> None:
    eye = labelled(1, wrong=0.2)
    fov, (row, col) = eye.eye.drawn["fov"] > 0.5, eye.disc[0]
    upright = eye.refined()
    last = SIZE - 1
    for lay, center in (
        (np.flipud, (last - row, col)),
        (np.fliplr, (row, last - col)),
        (np.transpose, (col, row)),
        (np.rot90, (last - col, row)),
    ):
        maps = {
            n: TargetMask(probability=np.ascontiguousarray(lay(m.probability)), source=m.source)
            for n, m in eye.maps.items()
        }
        found = consistent(
            maps, fov=np.ascontiguousarray(lay(fov)), settings=VesselSettings(), disc=(center, eye.disc[1])
        )
        for kind in ("artery", "vein"):
            np.testing.assert_array_equal(found[kind].probability, lay(upright[kind].probability))


def test_no_vessel_no_label() -> None:
    nothing = {kind: map_of(np.zeros((200, 200))) for kind in ("vessel", "artery", "vein")}
    assert consistent(nothing, fov=np.ones((200, 200), bool), settings=VesselSettings()) == {}
    dot = np.zeros((200, 200))
    dot[100, 100] = 1.0
    one = {**nothing, "artery": map_of(dot)}
    assert consistent(one, fov=np.ones((200, 200), bool), settings=VesselSettings()) == {}


def drawn_maps(**masks: np.ndarray) -> dict[str, TargetMask]:
    whole = np.maximum.reduce(list(masks.values()))
    return {name: map_of(0.95 * share) for name, share in {**masks, "vessel": whole}.items()}


def test_an_artery_and_a_vein_that_touch_side_by_side_stay_as_they_are() -> None:
    rows, columns = np.indices((300, 400))
    course = 150 + 12 * np.sin(columns / 50)
    is_in = (columns > 20) & (columns < 380)
    maps = drawn_maps(
        artery=((rows > course - 6) & (rows <= course) & is_in).astype(float),
        vein=((rows > course) & (rows < course + 6) & is_in).astype(float),
    )
    found = consistent(maps, fov=np.ones((300, 400), bool), settings=VesselSettings())
    for kind in ("artery", "vein"):
        # the ends are short of both kinds' bodies
        inside = (columns > 40) & (columns < 360)
        np.testing.assert_array_equal(found[kind].mask & inside, maps[kind].mask & inside)


def test_the_rim_of_the_field_is_no_vessel_of_either_kind() -> None:
    rows, columns = np.indices((400, 400))
    away, along = np.hypot(rows - 200, columns - 200), np.arctan2(rows - 200, columns - 200)
    fov = away <= 190
    spoke = (np.abs(np.sin(3 * along) * away / 3) < 2) & (away > 40) & fov
    is_artery = np.cos(3 * along) > 0
    rim = (away > 187) & fov
    maps = drawn_maps(
        artery=(spoke & is_artery).astype(float), vein=((spoke & ~is_artery) | rim).astype(float)
    )
    found = consistent(maps, fov=fov, settings=VesselSettings())
    assert not (found["vein"].mask | found["artery"].mask)[rim & ~spoke].any()
    body = spoke & (away < 175) & (away > 50)
    assert (found["artery"].mask == is_artery)[body].all()
    assert (found["vein"].mask == ~is_artery)[body].all()
    assert not found["vessel"].mask[rim & ~spoke].any()
    assert found["vessel"].mask[body].all()
