"""Quality that only angiograms have: how strong the flow signal is, where the eye moved, shadows, and focus.

All is measured on the first slab, at most `MOST_PX` across, lengths as shares of its side, so that the same scan
exported with more pixels reads alike. A scan of another field does not: the same capillary is a larger share of 3 mm
than of 6 mm.

=============== =================================================================================== ============
measure         formula                                                                             better when
=============== =================================================================================== ============
signal_strength (bright - dark) / (bright + dark), 95th and 5th percentile of the picture over its       higher, to 1
                local mean, smoothed to the width of a vessel: noise fills the dark between vessels
motion_lines    share of the lines along which the scan ran, whichever axis it was, that are         lower, to 0
                brighter or darker in most of their width than the lines beside them, or at which
                most of the width jumps sideways
shadow_fraction share of the field with less than half of its usual brightness, the darkest spot     lower, to 0
                near the middle left out where it may be the foveal avascular zone
defocus         autocovariance of structure at twice a vessel's width over that at once a vessel's  lower, from 0
                width: beyond the reach of speckle, and towards 1 as small structure is blurred away
=============== =================================================================================== ============
"""

from __future__ import annotations

import cv2
import numpy as np

MOST_PX = 640  # longer side of the copy that is measured
NAMES = ("signal_strength", "motion_lines", "shadow_fraction", "defocus")

LOCAL_SHARE = 1 / 16  # of the side: sigma of the local mean
VESSEL_SHARE = 1 / 150  # sigma: 20 um of 3 mm, 40 um of 6 mm
COARSE_SHARE = 1 / 40  # sigma of what is taken away before the focus is measured
NEAR_SHARE, FAR_SHARE = 1 / 150, 1 / 75  # distances at which structure is compared with itself

BLOCKS = 12  # parts of a line that are looked at each by itself: a vessel crosses few of them, a stripe all
NEIGHBOURS = 21  # lines that a line is held against
STRIPE = 1.3  # robust standard deviations of a block, for the mean of the middle half of a line's blocks
JUMP_LINES = 3  # averaged on either side of a jump
LARGEST_JUMP_PX, LEAST_JUMP_PX = 8, 2
JUMP_GAIN = 0.28  # of correlation, by undoing the jump

SHADOW_SHARE = 1 / 24  # of the side: sigma of the brightness that a shadow takes
SHADOWED = 0.5  # of the usual
MAYBE_FAZ = 0.10  # of the field at most, its middle in the middle third


def measure_angiogram(slab: np.ndarray, fov: np.ndarray) -> dict[str, float]:
    """The four measures of one slab.

    Parameters
    ----------
    slab : (H, W) uint8
    fov : (H, W) bool
    """
    scale = min(1.0, MOST_PX / max(slab.shape))
    grey = slab.astype(np.float32)
    if scale < 1:
        size = (round(slab.shape[1] * scale), round(slab.shape[0] * scale))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        fov = cv2.resize(fov.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    side = float(max(grey.shape))
    relative = grey / (
        cv2.GaussianBlur(grey, (0, 0), LOCAL_SHARE * side) + 4.0
    )  # + 4: black is not divided by
    return {
        "signal_strength": _signal(relative, side, fov),
        "motion_lines": max(_disturbed(relative), _disturbed(np.ascontiguousarray(relative.T))),
        "shadow_fraction": _shadow(grey, side, fov),
        "defocus": _defocus(relative, side, fov),
    }


def _signal(relative: np.ndarray, side: float, fov: np.ndarray) -> float:
    if not fov.any():
        return 0.0
    smooth = cv2.GaussianBlur(relative, (0, 0), VESSEL_SHARE * side)
    dark, bright = np.percentile(smooth[fov], [5, 95])
    return float((bright - dark) / (bright + dark)) if bright + dark > 1e-6 else 0.0


def _defocus(relative: np.ndarray, side: float, fov: np.ndarray) -> float:
    """How alike structure is at twice a vessel's width to what it is at once; speckle reaches neither."""
    structure = (relative - cv2.GaussianBlur(relative, (0, 0), COARSE_SHARE * side)) * fov
    power = np.abs(np.fft.rfft2(structure)) ** 2
    alike = np.fft.irfft2(power, structure.shape)
    reach = int(np.ceil(FAR_SHARE * side)) + 2
    lags = np.arange(-reach, reach + 1)
    away = np.hypot(lags[:, None], lags[None, :])
    near, far = (_ring(alike[np.ix_(lags, lags)], away, share * side) for share in (NEAR_SHARE, FAR_SHARE))
    return float(np.clip(far / near, 0, 1)) if near > 1e-9 * max(float(alike[0, 0]), 1e-9) else 0.0


def _ring(alike: np.ndarray, away: np.ndarray, radius: float) -> float:
    """Mean over all directions at a distance, by the places within a pixel of it, linearly weighted."""
    weight = np.clip(1 - np.abs(away - radius), 0, 1)
    return float((alike * weight).sum() / weight.sum())


def _shadow(grey: np.ndarray, side: float, fov: np.ndarray) -> float:
    sigma = SHADOW_SHARE * side
    weight = cv2.GaussianBlur(fov.astype(np.float32), (0, 0), sigma)
    light = cv2.GaussianBlur(grey * fov, (0, 0), sigma) / np.maximum(weight, 1e-3)
    if not fov.any():
        return 0.0
    dark = (light < SHADOWED * float(np.median(light[fov]))) & fov
    count, labels, stats, middles = cv2.connectedComponentsWithStats(dark.astype(np.uint8), connectivity=8)
    height, width = grey.shape
    spots = [
        (float(light[labels == spot].mean()), spot)
        for spot in range(1, count)
        if stats[spot, cv2.CC_STAT_AREA] <= MAYBE_FAZ * fov.sum()
        and abs(middles[spot, 0] / width - 0.5) < 1 / 6
        and abs(middles[spot, 1] / height - 0.5) < 1 / 6
        and _is_compact(stats[spot])
    ]
    zone = int(stats[min(spots)[1], cv2.CC_STAT_AREA]) if spots else 0
    return float((dark.sum() - zone) / fov.sum())


def _is_compact(stats: np.ndarray) -> bool:
    across, down, area = (
        float(stats[which]) for which in (cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT, cv2.CC_STAT_AREA)
    )
    return max(across, down) < 1.7 * min(across, down) and area > 0.55 * across * down


def _disturbed(relative: np.ndarray) -> float:
    """Share of the rows that are stripes or begin a jump."""
    height = relative.shape[0]
    if height <= NEIGHBOURS or relative.shape[1] < 4 * BLOCKS:
        return 0.0
    lines = _stripes(relative)
    lines[_jumps(relative)] = True
    return float(lines.mean())


def _stripes(relative: np.ndarray) -> np.ndarray:
    """(H,) rows that are brighter, or darker, than the rows around in more than the odd block."""
    from scipy.ndimage import median_filter

    blocks = _in_blocks(relative, BLOCKS).mean(axis=2)
    excess = blocks - median_filter(blocks, size=(NEIGHBOURS, 1), mode="nearest")
    spread = 1.4826 * np.median(np.abs(excess)) + 1e-6
    middle = np.sort(excess, axis=1)[:, BLOCKS // 4 : -BLOCKS // 4].mean(axis=1)
    return np.asarray(np.abs(middle) > STRIPE * spread)


def _jumps(relative: np.ndarray) -> np.ndarray:
    """Rows below which the picture lies shifted to one side."""
    before = cv2.blur(relative, (1, JUMP_LINES), anchor=(0, JUMP_LINES - 1))[:-1]  # mean of rows r-2 .. r
    after = cv2.blur(relative, (1, JUMP_LINES), anchor=(0, 0))[1:]  # of r+1 .. r+3
    reach = LARGEST_JUMP_PX
    width = relative.shape[1] - 2 * reach
    fixed = _standardised(before[:, reach : reach + width])
    alike = np.stack(
        [
            (fixed * _standardised(after[:, reach + lag : reach + lag + width])).mean(axis=1)
            for lag in range(-reach, reach + 1)
        ]
    )  # (lags, H - 1)
    lag = np.abs(alike.argmax(axis=0) - reach)
    return np.flatnonzero((lag >= LEAST_JUMP_PX) & (alike.max(axis=0) - alike[reach] > JUMP_GAIN)) + 1


def _standardised(rows: np.ndarray) -> np.ndarray:
    rows = rows - rows.mean(axis=1, keepdims=True)
    return np.asarray(rows / (rows.std(axis=1, keepdims=True) + 1e-6))


def _in_blocks(rows: np.ndarray, count: int) -> np.ndarray:
    """(H, count, W // count) each row cut into parts."""
    width = rows.shape[1] // count * count
    return rows[:, :width].reshape(rows.shape[0], count, -1)
