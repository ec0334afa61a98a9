"""What a training run is: data, network, optimisation, all in one TOML file."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from retquant.errors import ConfigError


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DatasetRecipe(_Settings):
    """One set of images with drawn truth; paths are relative to the data folder and may name groups of `pattern`."""

    name: str
    licence: str
    hand: str  # the annotation hand: sets drawn by the same rules share one
    images: str  # glob
    pattern: str  # regular expression over the file stem; its named groups fill the other paths
    person: str  # who it is, as a format of those groups: persons are never split
    fov: str | None = None  # mask of the field of view; found in the image when left out
    truth: dict[str, str]  # target -> mask file, where every value but 0 is the target
    validation: tuple[str, ...] = ()  # persons held out to choose the weights
    draw: float = Field(default=1.0, gt=0)  # share of training tiles, relative to the other sets


class NetworkRecipe(_Settings):
    """The network to adapt."""

    foundation: str = "litemedsam"
    targets: tuple[str, ...] = ("vessel",)
    working_px: int = Field(default=640, ge=64)  # field's width in the network's frame
    lora_rank: int = Field(default=8, ge=1)
    lora_alpha: int = Field(default=16, ge=1)
    lora_targets: tuple[str, ...] = ("qkv", "proj", "fc1", "fc2")
    default_hand: str


class OptimizationRecipe(_Settings):
    """AdamW with warm-up and cosine decay; an exponential moving average of the weights is what ships."""

    steps: int = Field(ge=1)
    batch: int = Field(default=2, ge=1)  # tiles
    seed: int = 0
    rate_adapters: float = 8e-4
    rate_decoder: float = 2e-4
    rate_branch: float = 2e-3
    weight_decay: float = 1e-3
    warmup_steps: int = 50
    clip_norm: float = 1.0
    average_decay: float = Field(default=0.995, ge=0, lt=1)
    centerline_weight: float = 0.2  # of soft clDice, joined after `centerline_from` of the run
    centerline_from: float = 0.3
    validate_every: int = Field(default=200, ge=1)
    checkpoint_every: int = Field(default=50, ge=1)
    patience: int | None = None  # validations without a better mean Dice before stopping


class TrainingRecipe(_Settings):
    """A training run."""

    name: str  # of the bundle
    title: str
    intended_use: str
    network: NetworkRecipe
    optimization: OptimizationRecipe
    datasets: tuple[DatasetRecipe, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _hands_and_targets_exist(self) -> TrainingRecipe:
        if self.network.default_hand not in self.hands:
            raise ValueError(f"default_hand {self.network.default_hand!r} is none of {', '.join(self.hands)}")
        for dataset in self.datasets:
            if unknown := set(dataset.truth) - set(self.network.targets):
                raise ValueError(
                    f"data set {dataset.name} has truth for {sorted(unknown)}, which are no targets"
                )
        return self

    @property
    def hands(self) -> tuple[str, ...]:
        """Annotation hands, in the order of first mention."""
        return tuple(dict.fromkeys(dataset.hand for dataset in self.datasets))

    def digest(self) -> str:
        """16 hexadecimal digits that change when the recipe does."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]


class EvaluationRecipe(_Settings):
    """Data sets to judge a model on."""

    datasets: tuple[DatasetRecipe, ...] = Field(min_length=1)


Recipe = TypeVar("Recipe", bound=BaseModel)


def load_recipe(path: Path, kind: type[Recipe]) -> Recipe:
    """Read a training or evaluation recipe.

    Raises
    ------
    ConfigError
        The file is missing, is no TOML, or has settings that are unknown or wrong.
    """
    try:
        return kind.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ConfigError(
            "there is no such file", where=str(path), remedy="give the path of a TOML recipe"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"this is not valid TOML ({error})", where=str(path), remedy="mend that line"
        ) from None
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'recipe'}: {e['msg']}" for e in error.errors())
        raise ConfigError(
            faults, where=str(path), remedy="see pipelines/training/ for a working recipe"
        ) from None
