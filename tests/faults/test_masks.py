"""Whatever is drawn in a mask, every biomarker answers with a number or a reason, and nonsense is refused at once."""

from __future__ import annotations

import math
import resource
import time
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.real_eyes import DrawnEye, measured
from benchmarks.turned_eyes import mirrored, quarter_turned
from retquant.anatomy import Disc
from retquant.biomarkers import BIOMARKERS, Measurement
from retquant.biomarkers.measurement import REASONS
from retquant.errors import ImageError, RetquantError
from retquant.segmentation.segmentation import Segmentation, TargetMask

ROWS, COLS = np.mgrid[:120, :144]
COUNTS = ("branch_points", "end_points", "components", "crossings", "strahler_order")
SHARES = ("area_density", "junctional_no_root", "tree_asymmetry", "asymmetry_ratio")
NEVER_NEGATIVE = (
    *COUNTS,
    *SHARES,
    *("length_density", "calibre", "calibre_cv", "knudtson", "hubbard", "length_diameter_ratio"),
    *(f"tortuosity_hart{order}" for order in range(1, 8)),
    *("tortuosity_grisan", "tortuosity_icm", "tortuosity_soam", "tortuosity_scc", "inflections"),
    *("sparsity", "branch_point_density", "branch_points_per_length", "branching_angle", "area_ratio"),
    *("junctional_exponent", "optimality_ratio", "area"),
)
PIXEL_EXACT = "area_density"  # read from the pixels alone, whatever the order in which they are visited

Landmark = tuple[float, float] | None


def hard(drawn: np.ndarray) -> np.ndarray:
    return np.where(drawn, np.uint8(255), np.uint8(0))


def eye_of(
    *masks: np.ndarray,
    disc: Disc | None = None,
    fovea: Landmark = None,
    eye: str | None = "OD",
    fov: np.ndarray | None = None,
) -> DrawnEye:
    """Up to three masks, as vessels, arteries and veins; the last stands for those not given."""
    given_masks = [hard(mask) for mask in masks] + [hard(masks[-1])] * (3 - len(masks))
    names = ("vessel", "artery", "vein")
    return DrawnEye(
        name="drawn",
        person="nobody",
        masks=dict(zip(names, given_masks, strict=True)),
        fov=np.ones(masks[0].shape, bool) if fov is None else fov,
        um_per_px=10.0,
        disc=disc,
        fovea=fovea,
        eye=eye,
    )


def assert_answered(row: Mapping[str, Measurement]) -> None:
    for name, found in row.items():
        column = BIOMARKERS[name]
        if found.reason is not None:
            assert math.isnan(found.value), name
            assert found.reason in REASONS, name
            continue
        assert math.isfinite(found.value), f"{name} is {found.value}"
        assert found.standard_error is None or found.standard_error >= 0, name
        if column.biomarker in NEVER_NEGATIVE:
            assert found.value >= 0, f"{name} is {found.value}"
        if column.biomarker in SHARES:
            assert found.value <= 1 + 1e-9, f"{name} is {found.value}"
        if column.biomarker in COUNTS and column.statistic in (None, "max"):
            assert found.value == round(found.value), f"{name} is {found.value}"


def frame() -> np.ndarray:
    return (ROWS < 3) | (ROWS >= 117) | (COLS < 3) | (COLS >= 141)


def cross() -> np.ndarray:
    return (np.abs(ROWS - 60) < 3) | (np.abs(COLS - 72) < 3)


DRAWN: Mapping[str, Callable[[], np.ndarray]] = {
    "empty": lambda: ROWS < 0,
    "full": lambda: ROWS >= 0,
    "one pixel": lambda: (ROWS == 50) & (COLS == 50),
    "one line": lambda: np.abs(ROWS - 60) < 3,
    "one-pixel line": lambda: ROWS == 60,
    "touches all borders": frame,
    "cross": cross,
    "mesh": lambda: (ROWS % 20 < 4) | (COLS % 20 < 4),
    "blob with holes": lambda: (np.hypot(ROWS - 60, COLS - 72) < 50) & ((ROWS % 12 >= 4) | (COLS % 12 >= 4)),
    "noise": lambda: np.random.default_rng(0).random(ROWS.shape) < 0.3,
}


@pytest.mark.parametrize("name", DRAWN)
def test_every_column_of_an_odd_mask_is_a_number_or_a_reason(name: str) -> None:
    disc = Disc(center=(60.0, 40.0), radius_px=9.0)
    assert_answered(measured(eye_of(DRAWN[name](), disc=disc, fovea=(62.0, 90.0))))


@pytest.mark.parametrize(
    ("disc", "fovea"),
    [
        (Disc(center=(-300.0, 500.0), radius_px=9.0), (60.0, 90.0)),
        (Disc(center=(0.0, 0.0), radius_px=9.0), (60.0, 90.0)),
        (Disc(center=(60.0, 40.0), radius_px=0.0), (60.0, 90.0)),
        (Disc(center=(60.0, 40.0), radius_px=1e-3), (60.0, 90.0)),
        (Disc(center=(60.0, 40.0), radius_px=1e5), (60.0, 90.0)),
        (Disc(center=(60.0, 40.0), radius_px=9.0), (-4000.0, 90.0)),
        (Disc(center=(60.0, 40.0), radius_px=9.0), (60.0, 40.0)),
        (Disc(center=(60.0, 40.0), radius_px=9.0), None),
        (None, (60.0, 90.0)),
        (None, None),
    ],
)
@pytest.mark.parametrize("eye", ["OD", None])
def test_landmarks_may_lie_anywhere_or_be_missing(
    disc: Disc | None, fovea: Landmark, eye: str | None
) -> None:
    row = measured(eye_of(cross(), disc=disc, fovea=fovea, eye=eye))
    assert_answered(row)
    if disc is None:
        assert row["crae_knudtson_zone_b"].reason == "no_disc"
    elif disc.center[0] < 0:
        assert row["artery_calibre_median_zone_b"].reason == "region_out_of_bounds"


def test_a_field_of_one_pixel_is_answered() -> None:
    fov = (ROWS == 60) & (COLS == 72)
    assert_answered(measured(eye_of(cross(), fov=fov, disc=Disc(center=(60.0, 40.0), radius_px=9.0))))


def test_the_same_mask_as_artery_and_as_vein_gives_the_same_numbers() -> None:
    row = measured(eye_of(cross(), disc=Disc(center=(60.0, 40.0), radius_px=9.0)))
    for name, found in row.items():
        twin = row.get(name.replace("artery_", "vein_", 1))  # focal narrowing is asked of arteries alone
        if name.startswith("artery_") and twin is not None:
            assert found.reason == twin.reason, name
            assert found.value == twin.value or found.reason is not None, name


def rectangles() -> st.SearchStrategy[np.ndarray]:
    """Masks of a few bars of any length and width, some of them rubbed out again."""
    bar = st.tuples(
        *(st.integers(0, 119), st.integers(0, 143), st.integers(1, 120), st.integers(1, 12)),
        *(st.booleans(), st.booleans()),
    )

    def drawn(bars: list[tuple[int, int, int, int, bool, bool]]) -> np.ndarray:
        mask = np.zeros(ROWS.shape, bool)
        for row, col, length, width, is_upright, is_ink in bars:
            tall, wide = (length, width) if is_upright else (width, length)
            mask[row : row + tall, col : col + wide] = is_ink
        return mask

    return st.lists(bar, max_size=9).map(drawn)


places = st.none() | st.tuples(st.floats(-60, 200), st.floats(-60, 200))
discs = st.none() | st.builds(
    lambda center, radius: Disc(center=center, radius_px=radius),
    st.tuples(st.floats(-30, 150), st.floats(-30, 170)),
    st.floats(0.5, 40),
)


@settings(max_examples=25, deadline=None)
@given(rectangles(), rectangles(), discs, places, st.sampled_from(["OD", "OS", None]))
def test_any_bars_with_any_landmarks_are_answered(
    first: np.ndarray, second: np.ndarray, disc: Disc | None, fovea: Landmark, eye: str | None
) -> None:
    assert_answered(measured(eye_of(first | second, first, second, disc=disc, fovea=fovea, eye=eye)))


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.8, 3.0), st.booleans())
def test_any_smooth_noise_is_answered(seed: int, scale: float, is_soft: bool) -> None:
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(np.random.default_rng(seed).normal(size=ROWS.shape), scale)
    share = np.clip(noise / noise.std() * 60 + 110, 0, 255).astype(np.uint8)
    eye = eye_of(share >= 128, disc=Disc(center=(60.0, 40.0), radius_px=9.0), fovea=(60.0, 90.0))
    if is_soft:
        eye = DrawnEye(
            name="soft", person="nobody", masks={"vessel": share}, fov=eye.fov, um_per_px=10.0, is_hard=False
        )
    assert_answered(measured(eye))


@settings(max_examples=10, deadline=None)
@given(rectangles(), discs, places, st.integers(1, 3))
@example(cross(), Disc(center=(60.0, 40.0), radius_px=9.0), (60.0, 90.0), 1)
def test_what_is_read_from_pixels_alone_does_not_change_under_quarter_turns_and_flips(
    mask: np.ndarray, disc: Disc | None, fovea: Landmark, turns: int
) -> None:
    eye = eye_of(mask, disc=disc, fovea=fovea)
    names = tuple(name for name, column in BIOMARKERS.items() if column.biomarker == PIXEL_EXACT)
    names = tuple(name for name in names if "cfp" in BIOMARKERS[name].modalities)
    before = measured(eye, names)
    for other in (quarter_turned(eye, turns), mirrored(eye)):
        after = measured(other, names)
        for name, found in before.items():
            if other.eye == eye.eye and BIOMARKERS[name].region in ("nasal_half", "temporal_half"):
                continue  # a turned picture says the same of the halves only through its landmarks
            assert after[name].reason == found.reason, name
            # float32 sums of edge pixels of discs and circles
            assert after[name].value == pytest.approx(found.value, abs=1e-5, nan_ok=True), name


@pytest.mark.parametrize(
    ("mask", "sentence"),
    [
        (np.full((4, 5), np.nan), "NaN"),
        (np.full((4, 5), np.inf, np.float32), "NaN or infinity"),
        (np.full((4, 5), 0.5), "float64"),
        (np.ones((4, 5), bool), "bool"),
        (np.ones((4, 5), np.int64), "int64"),
        (np.ones((4, 5), np.uint16), "uint16"),
        (np.zeros((4, 5, 3), np.uint8), "(4, 5, 3)"),
        (np.zeros(5, np.uint8), "(5,)"),
        (np.zeros((0, 5), np.uint8), "(0, 5)"),
        (np.eye(4, dtype=np.uint8), "0 and 1"),
        ([[0, 255]], "list"),
        (None, "NoneType"),
    ],
)
def test_a_mask_of_the_wrong_kind_is_one_clear_error(mask: object, sentence: str) -> None:
    with pytest.raises(RetquantError) as caught:
        TargetMask(probability=mask, source="manifest")  # type: ignore[arg-type]
    assert sentence in str(caught.value)
    assert "Try: " in str(caught.value)


def test_a_model_that_finds_next_to_nothing_is_no_error() -> None:
    assert not TargetMask(probability=np.eye(4, dtype=np.uint8), source="model:any").mask.any()


def test_targets_of_different_sizes_are_one_clear_error() -> None:
    small, large = (
        TargetMask(probability=np.zeros((side, 9), np.uint8), source="manifest") for side in (4, 5)
    )
    with pytest.raises(ImageError, match="vessel 4 × 9, artery 5 × 9"):
        Segmentation(targets={"vessel": small, "artery": large})


@pytest.mark.slow
def test_a_mesh_of_twenty_thousand_branches_is_answered_in_bounded_time_and_memory() -> None:
    from scipy.spatial import cKDTree

    side, cells = 1730, 112
    steps = np.mgrid[:cells, :cells].reshape(2, -1).T + 0.5
    seeds = (steps + np.random.default_rng(0).uniform(-0.45, 0.45, steps.shape)) * side / cells
    pixels = np.mgrid[:side, :side].reshape(2, -1).T
    distance, _ = cKDTree(seeds).query(pixels, k=2)
    mesh = (distance[:, 1] - distance[:, 0] < 1.8).reshape(side, side)
    eye = DrawnEye(name="mesh", person="nobody", masks={"vessel": hard(mesh)}, fov=mesh >= 0, um_per_px=2.0)
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    row = measured(eye)
    assert time.process_time() - started < 60
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 600 * 1024
    assert_answered(row)
    assert (
        row["vessel_branch_points_fov"].value * 1.5 > 20_000
    )  # three branches to a point, each of two points
