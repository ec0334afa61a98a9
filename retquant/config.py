"""The settings of a run: frozen, read from TOML, digested into the key of every result.

Unknown keys are errors. Everything here may change a number; paths, workers and resume do not and are flags.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from retquant.errors import ConfigError


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ImageSettings(_Settings):
    """How files become pixels."""

    max_pixels: int = Field(default=120_000_000, gt=0)  # refused before decoding; 4288x2848 is 12 million
    min_side_px: int = Field(default=128, gt=0)  # below this no vessel is resolved


class SegmentationSettings(_Settings):
    """Which model draws which masks."""

    model: str = "fundus-general"  # for photographs: name of a shipped bundle, or a folder
    octa_model: str | None = "octa-general"  # the same for angiograms; None: their masks have to be given
    hand: str | None = None  # annotation hand to follow in photographs; None: the bundle's own default
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    # auto: float32 for the compact network, for others bfloat16 where the CPU or GPU has it
    runtime: Literal["torch", "openvino", "auto"] = "torch"  # auto: OpenVINO if installed and there is no GPU
    mirrors: bool = (
        False  # mean over an image and its three mirror images: a little better, four times the time
    )


class VesselSettings(_Settings):
    """From masks to graphs."""

    # A part of the network is noise if it is shorter than this share of the field's diameter, or than so many calibres.
    smallest_part_field_share: float = Field(default=0.01, ge=0, lt=1)
    smallest_part_calibres: float = Field(default=2.0, ge=0)
    # A side branch shorter than this, in local calibres from the junction, is a spur of the thinning.
    shortest_spur_calibres: float = Field(default=1.0, ge=0)
    # Enclosed holes of at most this share of the field's diameter squared are filled: they are specks, not meshes.
    largest_pinhole_field_share: float = Field(default=0.002, ge=0, lt=1)
    # Two junctions this close, in calibres, are one crossing if their arms go straight on in pairs; far ones only at
    # a narrow angle, at which vessels share a long stretch: three calibres at 25 degrees.
    crossing_width_calibres: float = Field(default=5.0, ge=0)
    crossing_turn_deg: float = Field(default=30.0, ge=0, le=90)
    crossing_calibre_ratio: float = Field(default=0.5, ge=0, le=1)  # narrower arm to wider of one vessel
    # Two free ends that face each other are one vessel across a gap of at most this many calibres (0: never), if each
    # points at the other within this angle and their calibres agree.
    bridge_gap_calibres: float = Field(default=3.0, ge=0)
    bridge_turn_deg: float = Field(default=30.0, ge=0, le=90)
    bridge_calibre_ratio: float = Field(default=0.5, ge=0, le=1)  # narrower end to wider
    # Labels of arteries and veins that a model made are weighed along the vessels (masks that were given never are); a
    # vessel that is of one kind with less than this probability is of neither.
    consistent_arteries_and_veins: bool = True
    artery_vein_sureness: float = Field(default=0.55, ge=0.5, lt=1)
    # The same of an angiogram, each of whose large vessels has a kind.
    angiogram_artery_vein_sureness: float = Field(default=0.5, ge=0.5, lt=1)


class BiomarkerSettings(_Settings):
    """Which columns are computed."""

    include: tuple[str, ...] = ("*",)  # globs over column names
    # A standard error beside every value, by measuring under moved edges and in mirrors: five times the measuring,
    # three times the segmentation.
    uncertainty: bool = False


class RunConfig(_Settings):
    """Everything that may change a number, nested by stage."""

    images: ImageSettings = ImageSettings()
    segmentation: SegmentationSettings = SegmentationSettings()
    vessels: VesselSettings = VesselSettings()
    biomarkers: BiomarkerSettings = BiomarkerSettings()

    def as_toml(self) -> str:
        """The settings as the TOML file that would give them."""
        import tomli_w

        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))

    def digest(self) -> str:
        """16 hexadecimal digits that change when any setting does."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def load_config(path: Path) -> RunConfig:
    """Read a run configuration (TOML).

    Raises
    ------
    ConfigError
        The file is missing, is no TOML, or holds an unknown key or a value out of range; all faults are listed.
    """
    settings = read_toml(path, missing="check the path given to --config")
    try:
        return RunConfig.model_validate(settings)
    except ValidationError as error:
        raise ConfigError(_describe(error), where=str(path), remedy=_allowed()) from None


def read_toml(path: Path, *, missing: str) -> dict[str, Any]:
    """What a TOML file holds; `missing` says what to do where there is none.

    Raises
    ------
    ConfigError
        The file is missing or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError("there is no such file", where=str(path), remedy=missing) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"this is not valid TOML ({error})", where=str(path), remedy="mend that line"
        ) from None


def _describe(error: ValidationError) -> str:
    faults = [f"{'.'.join(map(str, e['loc']))} = {e['input']!r}: {e['msg']}" for e in error.errors()]
    return "; ".join(faults)


def _allowed() -> str:
    sections = {name: list(type(getattr(RunConfig(), name)).model_fields) for name in RunConfig.model_fields}
    return "the settings are " + "; ".join(f"[{name}] {', '.join(keys)}" for name, keys in sections.items())
