"""How wide the vessels are in the photograph itself: calibre, and the central equivalents made of it.

A mask's calibre is that of the hand that drew it, or taught the model that did: sets of drawn masks differ by a fifth
and more. Here the mask only says where the vessels run; their edges are the photograph's.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from retquant.biomarkers.calibre import HALVES, REGIONS, VESSELS
from retquant.biomarkers.definition import NeedsScale
from retquant.biomarkers.equivalents import (
    ZONES,
    avr_hubbard,
    avr_knudtson,
    avr_knudtson_n4,
    crae_hubbard,
    crae_knudtson,
    crae_knudtson_n4,
    crve_hubbard,
    crve_knudtson,
    crve_knudtson_n4,
)
from retquant.biomarkers.measurement import Measurement, missing
from retquant.biomarkers.registry import biomarker
from retquant.biomarkers.workspace import View


@biomarker(
    unit="um",
    reference="Araujo2018",
    structures=VESSELS,
    regions=REGIONS + HALVES,
    over="segments",
    statistics=("mean", "median", "std", "p90", "length_weighted"),
)
def calibre_profile(view: View) -> np.ndarray | Measurement:
    """Width of a vessel segment in the photograph, between the half heights of its fitted green profile.

    Profiles across the centre line are averaged over stretches of three calibres and fitted by a plateau with a dome
    and a central light reflex on a sloping background, under a blur that is the picture's own and adds nothing to the
    width; neighbouring vessels are part of the fit. A segment's width is the median over its points; it needs ten
    whose calibre the mask tells, too. Missing where only masks are known.
    """
    profiled = view.by_profile
    return missing("no_photograph") if profiled is None else profiled.segment_calibre


def _by_profile(equivalent: Callable[..., Measurement], *, sentence: str) -> Callable[..., Measurement]:
    """An equivalent from the photograph's calibre in place of the mask's."""

    def measured(*views: View) -> Measurement:
        profiled = [view.by_profile for view in views]
        return missing("no_photograph") if None in profiled else equivalent(*profiled)

    measured.__doc__ = (
        f"{sentence}\n\nAs `{equivalent.__name__}` otherwise, with the calibre of `calibre_profile`."
    )
    measured.__name__ = f"{equivalent.__name__}_profile"
    return measured


_FORMULAS: tuple[tuple[str, str, str, NeedsScale | None, tuple[Callable[..., Measurement], ...]], ...] = (
    ("knudtson", "by Knudtson", "Knudtson2003", None, (crae_knudtson, crve_knudtson, avr_knudtson)),
    (
        "knudtson_n4",
        "by Knudtson from the four widest",
        "Knudtson2003",
        None,
        (crae_knudtson_n4, crve_knudtson_n4, avr_knudtson_n4),
    ),
    ("hubbard", "by Hubbard", "Hubbard1999", "nominal", (crae_hubbard, crve_hubbard, avr_hubbard)),
)

for _word, _how, _reference, _scale, (_crae, _crve, _avr) in _FORMULAS:
    for _structure, _equivalent, _what, _unit in (
        ("crae", _crae, "Central retinal artery equivalent", "um"),
        ("crve", _crve, "Central retinal vein equivalent", "um"),
        ("avr", _avr, "Central retinal artery equivalent divided by the vein equivalent", "1"),
    ):
        biomarker(
            unit=_unit,
            reference=_reference,
            structures=(_structure,),
            regions=ZONES,
            id=f"{_structure}_{_word}_profile",
            word=f"{_word}_profile",
            needs_scale=_scale,
            direction="higher_is_worse" if _structure == "crve" else "higher_is_better",
        )(_by_profile(_equivalent, sentence=f"{_what} {_how}, from widths in the photograph."))
