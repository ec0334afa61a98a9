"""Angiogram-like pictures of digital OCTA fields: close enough to an export of a device that segmentation can be run.

Vessels are drawn with a signal that saturates with calibre, blurred by the beam, laid over a deeper net, multiplied by
speckle and by slow changes of gain and contrast, and toned to the grey levels of real exports. The look has no
physiological meaning; the geometry is exact.
"""

from __future__ import annotations

import numpy as np

from retquant.phantoms.angiogram_style import PERCENTS, AngiogramStyle, Saccade
from retquant.phantoms.octa_graph import PLEXUSES
from retquant.phantoms.octa_raster import draw_pieces, shrink
from retquant.phantoms.octa_retina import OctaRetina

_FINE = 2  # drawn at this many times the scan's sampling
_DEEP_CELLS_MM = 0.04  # between the meshes of the net below
_BEAM = (
    0.4  # of a sample's pitch; no vessel's radius looks smaller: blood anywhere in the beam decorrelates it
)
_PIT, _DEEP_PIT = (
    0.1,
    0.7,
)  # share of the vessels' signal and of the deep net's that is missing next to the fovea
# The zone without capillaries beside arteries shows in the net below, too. At 16 to 44 um from large vessels drawn
# scans are .88 to .94 (3 mm) and .82 to .88 (6 mm) as bright as their surroundings, those of OCTA-500 .91 to .95 and
# .87 to .93; without it .94 to .96 and .89 to .93, and arteries could hardly be told from veins.
_FREE_ZONE_MM = 0.05
_RING_FLOW = 0.6  # signal of the ring round the fovea, as a share of a wide vessel's
_CONTROLS = 9  # a side of the grids whose interpolation changes slowly over the field


def angiogram(retina: OctaRetina, seed: int = 0, *, style: AngiogramStyle | None = None) -> np.ndarray:
    """(H, W) uint8 en-face angiogram, the same for the same arguments.

    The scan samples 304 points over 3 mm and 400 over 6 mm, as devices do; another size is interpolated from that.
    `style.saccades` says which rows were shifted against the truth.
    """
    field_mm = retina.graph.field_mm
    style = style or AngiogramStyle.drawn(seed, field_mm=field_mm)
    rng = np.random.default_rng([seed, 11])
    side = round(304 + 32 * (field_mm - 3)) if field_mm > 3 else round(304 * field_mm / 3)
    signal = _vessels(retina, side, style, rng)
    pit = _foveal_pit(retina, side)
    deep = style.deep * _deep_net(retina, side, rng) * (1 - _DEEP_PIT * pit)
    deep *= 1 - style.free_zone * _beside_arteries(retina, side)
    signal = np.maximum(signal * (1 - _PIT * pit), deep)
    signal = _with_light(signal, field_mm, style)
    signal = signal + style.floor * rng.gamma(2.0, 0.5, signal.shape)
    speckle = _blurred(_beta_field(side, rng), style.speckle_px)
    signal = signal * (style.speckle * speckle + 1 - style.speckle)
    signal = signal ** _slow_field(side, rng, 0.85, 1.15)
    for saccade in style.saccades:
        signal = _jumped(signal, saccade, side / field_mm)
    image = _toned(_striped(signal, style, side / field_mm, rng), style.tones)
    if side != retina.size[0]:
        import cv2

        image = cv2.resize(image, retina.size, interpolation=cv2.INTER_CUBIC)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def _vessels(retina: OctaRetina, side: int, style: AngiogramStyle, rng: np.random.Generator) -> np.ndarray:
    """(S, S) signal of the vessels after the beam's blur."""
    from scipy.ndimage import gaussian_filter

    graph, scale = retina.graph, side * _FINE / retina.graph.field_mm
    rise = 1 - np.exp(-(graph.radius - 0.0025) / 0.018)
    flow = style.capillary_flow + (style.large_flow - style.capillary_flow) * np.clip(rise, 0, 1)
    flow = np.clip(flow + style.flow_spread * (1 - 0.7 * rise) * rng.normal(0, 1, len(flow)), 0.1, 1.0)
    flow[graph.plexus == PLEXUSES.index("ring")] = style.large_flow * _RING_FLOW
    points = graph.points * scale - 0.5
    drawn = draw_pieces(
        points[graph.run_start],
        points[graph.run_start + 1],
        np.maximum(graph.radius * scale, _BEAM * _FINE)[graph.edge_of_run],
        (side * _FINE, side * _FINE),
        values=flow[graph.edge_of_run],
    )
    sigma = float(np.hypot(style.psf_um, style.defocus_um)) / 1000 * scale
    return shrink(gaussian_filter(drawn, sigma), _FINE)


def _deep_net(retina: OctaRetina, side: int, rng: np.random.Generator) -> np.ndarray:
    """(S, S) 0 to 1: a polygonal capillary net of uneven brightness that ends at the fovea."""
    from scipy.spatial import cKDTree

    count = round(retina.graph.field_mm / _DEEP_CELLS_MM)
    cells = np.stack(np.meshgrid(*[np.arange(-1, count + 1)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    centers = (cells + rng.uniform(0, 1, cells.shape)) / count * side - 0.5
    pixels = np.stack(np.meshgrid(*[np.arange(side)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    near, second = cKDTree(centers).query(pixels, k=2)[0].T
    net = np.exp(-(((second - near) / 1.5) ** 2)).reshape(side, side)
    faz = retina.coverage("faz", size=(side, side))
    return net * _beta_field(side, rng) * (1 - _blurred(faz, 1.5))


def _beside_arteries(retina: OctaRetina, side: int) -> np.ndarray:
    """(S, S) 1 at the edge of large arteries, falling to 0 where their zone without capillaries ends."""
    from scipy.ndimage import distance_transform_edt

    away = distance_transform_edt(retina.coverage("large_artery", size=(side, side)) < 0.5)
    return np.asarray(np.exp(-((away * retina.graph.field_mm / side / _FREE_ZONE_MM) ** 4)))


def _beta_field(side: int, rng: np.random.Generator) -> np.ndarray:
    """(S, S) independent Beta draws whose two parameters change slowly over the field."""
    first, second = (
        np.maximum(_spread(10.0 ** (0.6 * rng.beta(2, 2, (_CONTROLS, _CONTROLS)) - 0.3), side), 1e-3)
        for _ in range(2)
    )
    return rng.beta(first, second)


def _slow_field(side: int, rng: np.random.Generator, low: float, high: float) -> np.ndarray:
    """(S, S) a uniform draw at each control point, interpolated."""
    return np.clip(_spread(rng.uniform(low, high, (_CONTROLS, _CONTROLS)), side), low, high)


def _spread(controls: np.ndarray, side: int) -> np.ndarray:
    import cv2

    return np.asarray(cv2.resize(controls, (side, side), interpolation=cv2.INTER_CUBIC))


def _blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(image, sigma))


def _with_light(signal: np.ndarray, field_mm: float, style: AngiogramStyle) -> np.ndarray:
    """The signal less what vignetting and a shadow take."""
    side = len(signal)
    at = (np.arange(side) + 0.5) / side * field_mm
    away = np.hypot(at[:, None] - field_mm / 2, at[None, :] - field_mm / 2) / (field_mm / np.sqrt(2))
    light = 1 - style.vignetting * away**2
    if style.shadow is not None:
        row, col, radius, loss = style.shadow
        reach = np.hypot(at[:, None] - row, at[None, :] - col) / radius
        light *= 1 - loss / (1 + np.exp(np.clip((reach - 1) * 8, -50, 50)))
    return np.asarray(signal * light)


def _foveal_pit(retina: OctaRetina, side: int) -> np.ndarray:
    """(S, S) 1 in the avascular zone, falling to 0 outside it, where the retina gains its full thickness."""
    at = (np.arange(side) + 0.5) / side * retina.graph.field_mm
    row, col = retina.faz.center
    away = np.hypot(at[:, None] - row, at[None, :] - col) - retina.faz.radius
    return np.asarray(np.exp(-((np.maximum(away, 0) / 0.25) ** 2)))


def _jumped(signal: np.ndarray, saccade: Saccade, px_per_mm: float) -> np.ndarray:
    """The signal with the rows of a saccade shifted sideways."""
    from scipy.ndimage import shift

    rows = slice(round(saccade.first_mm * px_per_mm), round(saccade.last_mm * px_per_mm))
    moved = signal.copy()
    moved[rows] = shift(signal[rows], (0, saccade.shift_mm * px_per_mm), order=1, mode="nearest")
    return moved


def _striped(
    signal: np.ndarray, style: AngiogramStyle, px_per_mm: float, rng: np.random.Generator
) -> np.ndarray:
    """The signal with bright, smeared rows where the eye moved as a whole."""
    striped = signal.copy()
    weights = np.array([0.025, 0.075, 0.375, 0.875, 1.0, 0.875, 0.375, 0.075, 0.025])
    for row in style.stripes:
        middle = round(row * px_per_mm)
        smear = _blurred(signal, 2.0) + 0.5 * signal.std()
        for offset, weight in zip(range(-4, 5), weights, strict=True):
            if 0 <= middle + offset < len(signal):
                at = middle + offset
                striped[at] = (1 - weight) * striped[at] + weight * smear[at]
    return striped


def _toned(signal: np.ndarray, tones: tuple[float, ...]) -> np.ndarray:
    """Grey levels: the tone curve that gives the image the percentiles asked for, linear between them."""
    levels = np.percentile(signal, PERCENTS)
    levels = np.maximum.accumulate(levels + np.arange(len(levels)) * 1e-9)  # strictly increasing
    return np.interp(signal, levels, tones)
