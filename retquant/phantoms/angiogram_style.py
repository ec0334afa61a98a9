"""The look of an angiogram: what differs between eyes and scans of one device, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PERCENTS = (0.0, 1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0, 100.0)
# Grey levels at PERCENTS in OCTA-500, inner retina: means over 200 eyes of 3 mm and 300 of 6 mm, and how far the
# brightness of the middle tones differs from eye to eye (standard deviation, grey levels).
_TONES = {
    3.0: ((0, 11, 26, 55, 87, 126, 199, 255, 255), 10.0),
    6.0: ((0, 12, 24, 48, 74, 109, 190, 255, 255), 12.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Saccade:
    """A jump of the eye during the scan: rows from `first_mm` to `last_mm` lie `shift_mm` to the right."""

    first_mm: float
    last_mm: float
    shift_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AngiogramStyle:
    """How a scan shows the vessels; lengths in the eye."""

    tones: tuple[float, ...]  # grey level at each of PERCENTS
    large_flow: float = 1.0  # signal of the widest vessels, 0 to 1
    capillary_flow: float = 0.45  # of the thinnest
    flow_spread: float = 0.15  # standard deviation between vessels
    psf_um: float = 6.0  # Gaussian sigma of the beam; full width at half height 14 um
    defocus_um: float = 0.0  # further blur, added in quadrature
    deep: float = 0.3  # strength of the capillary net below that shines through
    free_zone: float = 0.5  # share of that net missing beside large arteries
    speckle: float = 0.7  # share of the signal that speckle takes at most
    speckle_px: float = 0.52  # Gaussian sigma in samples: neighbours share speckle
    floor: float = 0.045  # noise where nothing flows
    vignetting: float = 0.15  # share of signal lost in the corners
    stripes: tuple[float, ...] = ()  # row, mm from the top, of each bulk-motion stripe
    saccades: tuple[Saccade, ...] = ()
    shadow: tuple[float, float, float, float] | None = None  # row, col, radius in mm; share of light lost

    @classmethod
    def drawn(cls, seed: int, *, field_mm: float = 3.0, artefacts: bool = False) -> AngiogramStyle:
        """A random look; with `artefacts` also stripes, a jump, a shadow or a defocus, each in about a third."""
        rng = np.random.default_rng([seed, 7])
        near = 3.0 if abs(field_mm - 3) <= abs(field_mm - 6) else 6.0
        mean, spread = _TONES[near]
        brightness = float(np.clip(rng.normal(0, 1), -2, 2))
        # Middle tones move together; black, and white at the clip, stay.
        room = np.array([0, 0.3, 0.35, 0.75, 1.0, 1.05, 0.55, 0, 0])
        tones = np.maximum.accumulate(np.clip(np.array(mean) + brightness * spread * room, 0, 255))
        look = cls(
            tones=tuple(tones.tolist()),
            psf_um=float(rng.uniform(5.0, 7.0)),
            deep=float(rng.uniform(0.3, 0.42)),
            speckle_px=0.52 if near == 3 else 0.64,
            vignetting=float(rng.uniform(0.05, 0.2)),
            free_zone=float(rng.uniform(0.3, 0.7)),
        )
        return look.with_artefacts(rng, field_mm) if artefacts else look

    def with_artefacts(self, rng: np.random.Generator, field_mm: float) -> AngiogramStyle:
        """The same look with artefacts drawn at random."""
        from dataclasses import replace

        has = rng.random(4) < 0.35
        first = float(rng.uniform(0.1, 0.7)) * field_mm
        return replace(
            self,
            stripes=tuple(rng.uniform(0, field_mm, rng.integers(1, 4)).tolist()) if has[0] else (),
            saccades=(
                (
                    Saccade(
                        first_mm=first,
                        last_mm=first + float(rng.uniform(0.05, 0.25)) * field_mm,
                        shift_mm=float(rng.choice([-1, 1]) * rng.uniform(0.02, 0.08)),
                    ),
                )
                if has[1]
                else ()
            ),
            shadow=(
                (*(rng.uniform(0, 1, 2) * field_mm).tolist(), float(rng.uniform(0.1, 0.3)) * field_mm, 0.6)
                if has[2]
                else None
            ),
            defocus_um=float(rng.uniform(5, 15)) if has[3] else 0.0,
        )
