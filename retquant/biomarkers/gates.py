"""Which quality of picture each biomarker needs, and whether one meets it.

The gates are data, fitted on spoilt pictures by `benchmarks/quality_gates.py` (photographs) and
`benchmarks/octa_gates.py` (angiograms) and kept in `gates.toml`: for each modality and definition a least (or greatest)
value of some quality measures. A gate removes nothing by itself: values are always stored, and who loads them says
whether those of unfit pictures shall be left out.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

GATES_FILE = Path(__file__).with_name("gates.toml")

Gate = Mapping[str, float]
"""Quality measure (without "quality_") -> the value it must reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityMeasure:
    """A measure that a gate may ask for."""

    name: str  # column without "quality_"
    more_is_better: bool = True

    def oriented(self, value: float) -> float:
        """The value with its sign such that more is better."""
        return value if self.more_is_better else -value

    def own(self, oriented: float) -> float:
        """What `oriented` was made of."""
        return oriented if self.more_is_better else -oriented

    def meets(self, value: float, needed: float) -> bool:
        """Whether a value is good enough; one that is missing is not."""
        return self.oriented(value) >= self.oriented(needed)


MEASURES: Mapping[str, tuple[QualityMeasure, ...]] = MappingProxyType(
    {
        # what blur, sensor noise and compression each take from a photograph, and nothing else does
        "cfp": (
            QualityMeasure(name="vessel_sharpness"),
            QualityMeasure(name="noise", more_is_better=False),
            QualityMeasure(name="blockiness", more_is_better=False),
        ),
        # what weak flow, a moving eye, floaters and blur each take from an angiogram
        "octa": (
            QualityMeasure(name="signal_strength"),
            QualityMeasure(name="motion_lines", more_is_better=False),
            QualityMeasure(name="shadow_fraction", more_is_better=False),
            QualityMeasure(name="defocus", more_is_better=False),
        ),
    }
)
"""Modality -> the measures that a gate may ask for."""

_BY_NAME = {measure.name: measure for measures in MEASURES.values() for measure in measures}


@cache
def gates(modality: str) -> Mapping[str, Gate]:
    """Definition id -> its gate; an empty one asks for nothing. Definitions without a line were not fitted."""
    read = _read().get(modality, {})
    return MappingProxyType({name: MappingProxyType(gate) for name, gate in read.items()})


def is_fit(definition_id: str, quality: Mapping[str, float], modality: str) -> bool:
    """Whether a picture of that quality (measure without "quality_" -> value) is fit for a definition.

    A definition that was not fitted, and one whose gate asks for nothing, takes any picture.
    """
    needed = gates(modality).get(definition_id, {})
    return all(_BY_NAME[name].meets(quality.get(name, float("nan")), level) for name, level in needed.items())


def needed_text(name: str, level: float) -> str:
    """A gate's line for people: `vessel_sharpness at least 1.9`."""
    return f"{name} {'at least' if _BY_NAME[name].more_is_better else 'at most'} {level:g}"


def with_gates(modality: str, fitted: Mapping[str, Gate]) -> str:
    """The text of `gates.toml` with the gates of one modality replaced; levels rounded to three digits."""
    import tomli_w

    rounded = {name: {m: float(f"{level:.3g}") for m, level in gate.items()} for name, gate in fitted.items()}
    head = "# Written by benchmarks/quality_gates.py and octa_gates.py: what each definition needs of a picture.\n"
    return head + tomli_w.dumps({**_read(), modality: rounded})


def _read() -> dict[str, dict[str, dict[str, float]]]:
    read: dict[str, dict[str, dict[str, float]]] = tomllib.loads(GATES_FILE.read_text(encoding="utf-8"))
    return read
