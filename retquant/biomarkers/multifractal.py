"""How unevenly the vessels fill the plane: the spectrum of singularities from the same boxes as the dimensions.

Of the generalised dimensions D_q only orders q from 0 to 5 enter: negative orders weigh the boxes that hold the
fewest pixels, which are noise. With tau(q) = (q - 1) D_q, alpha = d tau / dq and f = q alpha - tau; since a slope is
linear in what is fitted, both are slopes themselves [Chhabra and Jensen 1989]: with mu = p^q / sum of p^q, alpha is
that of the sum of mu log p on log size, and f that of the sum of mu log mu.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from retquant.biomarkers.fractal import fitted, mask_cover
from retquant.biomarkers.measurement import Measurement
from retquant.biomarkers.registry import biomarker
from retquant.biomarkers.workspace import View

HIGHEST_ORDER = 5.0

spectrum = partial(
    biomarker,
    unit="1",
    reference="Chhabra1989",
    structures=("vessel", "artery", "vein"),
    regions=("fov",),
    has_standard_error=True,
)


@spectrum()
def multifractal_width(view: View) -> Measurement:
    """Width of the multifractal spectrum of the vessel mask, alpha at order 0 minus alpha at order 5.

    0 for a mask that fills the plane evenly; negative where thick trunks fill the smaller boxes, as on most drawn
    retinal vessels. Boxes as for `fractal_d0`; the standard error is the fit's.
    """
    return _difference(view, 0)


@spectrum()
def multifractal_height(view: View) -> Measurement:
    """Height of the multifractal spectrum of the vessel mask, f at order 0 minus f at order 5.

    0 for a mask that fills the plane evenly; negative where `multifractal_width` is. Boxes as for `fractal_d0`; the
    standard error is the fit's.
    """
    return _difference(view, 1)


@spectrum(derived_from="multifractal_width")
def singularity_length(view: View) -> Measurement:
    """Length of the range of singularities of the vessel mask, another name of `multifractal_width`."""
    return _difference(view, 0)


def spectrum_moments(share: np.ndarray, order: float) -> np.ndarray:
    """(2,) what alpha and f of an order are the slopes of, from the share (N,) of the mask in each box."""
    log = np.log(share)
    scaled = order * (log - log.max())  # so that high orders of small shares do not vanish
    weight = np.exp(scaled)
    total = weight.sum()
    weight /= total
    return np.array([weight @ log, weight @ (scaled - np.log(total))])


def _difference(view: View, which: int) -> Measurement:
    moments = view.shared("spectrum_moments", _moments)
    return fitted(view, mask_cover(view), [float(moment[which]) for moment in moments])


def _moments(view: View) -> list[np.ndarray]:
    """(2,) a box size: the moments at order 0 minus those at the highest order."""
    return [
        spectrum_moments(share, 0.0) - spectrum_moments(share, HIGHEST_ORDER)
        for share in mask_cover(view).shares
    ]
