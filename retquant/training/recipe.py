"""What a training run is: data, network, optimisation, all in one TOML file."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from retquant.errors import ConfigError
from retquant.segmentation.spec import COMPACT, GLANCE_SHRINK
from retquant.training.extending import read_extended

LOSS_NAMES = frozenset(
    {"cross_entropy", "focal", "dice", "dynamic_dice", "centerline_dice", "centerline_mix"}
)
"""The keys of `losses.LOSSES`, known here so that a recipe is read without torch."""


DRAWN_BY_HAND = ("vessel", "large_vessel")
"""Targets whose width is a habit of who draws them."""

CLICKED = ("vessel", "large_vessel", "artery", "vein", "faz")
"""Targets of which somebody may want one connected part; capillaries are one net all over."""

TARGETS_OF = {"av": ("artery", "vein"), "graph": ("large_vessel", "capillary", "artery", "vein")}
"""Truth files that hold more than one target."""


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


CompactPart = Literal["glance", "glance_head", "look", "look_head", "drawn"]
"""Parts of the compact network, by the names of its modules."""


class LandmarkRecipe(_Settings):
    """Centres of fovea and optic disc in a CSV table, in pixels of the image."""

    table: str  # path of the CSV
    column: str = "image"  # which names the image
    row: str  # the image's entry there, as a format of the groups of `pattern`
    fovea: tuple[str, str] | None = None  # columns of x and y
    disc: tuple[str, str] | None = None


class DatasetRecipe(_Settings):
    """One set of images with drawn truth; paths are relative to the data folder and may name groups of `pattern`.

    `truth` names a mask a target, where every value but 0 is the target; or `av`, a file of codes for artery and vein
    (0 background, 1 artery, 2 vein, 3 both or uncertain); or `graph`, a table of the vessels of a synthetic angiogram.
    """

    name: str
    licence: str
    modality: Literal["cfp", "octa"] = "cfp"
    hand: str | None = None  # the annotation hand of vessels: sets drawn by the same rules share one
    images: str  # glob
    pattern: str  # regular expression over the file stem; its named groups fill the other paths
    person: str  # who it is, as a format of those groups: persons are never split
    same_person: tuple[tuple[str, ...], ...] = ()  # names that `person` gives to one and the same
    fov: str | None = None  # mask of the field of view; found in the image when left out
    truth: dict[str, str] = Field(default_factory=dict)  # target -> mask file
    second_observer: dict[str, str] = Field(
        default_factory=dict
    )  # target -> mask file, judged beside the model
    landmarks: LandmarkRecipe | None = None
    # person -> side of an angiogram's field: wide ones are judged as a run looks at them
    field_mm: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    validation: tuple[str, ...] = ()  # persons held out to choose the weights
    draw: float = Field(default=1.0, gt=0)  # share of training tiles, relative to the other sets

    @model_validator(mode="after")
    def _has_truth(self) -> DatasetRecipe:
        if not self.targets:
            raise ValueError(f"data set {self.name} has neither `truth` nor `landmarks`")
        if set(DRAWN_BY_HAND) & set(self.targets) and self.hand is None:
            raise ValueError(f"data set {self.name} draws vessels and names no `hand`")
        return self

    @property
    def targets(self) -> tuple[str, ...]:
        """What it has truth for."""
        drawn = [t for name in self.truth for t in TARGETS_OF.get(name, (name,))]
        if self.landmarks is not None:
            drawn += [t for t in ("fovea", "disc") if getattr(self.landmarks, t) is not None]
        return tuple(dict.fromkeys(drawn))


class NetworkRecipe(_Settings):
    """The network to adapt, or `compact`: two small U-Nets from random weights."""

    foundation: str = "litemedsam"
    targets: tuple[str, ...] = ("vessel",)
    working_px: int = Field(default=640, ge=64)  # field's width in the network's frame
    lora_rank: int = Field(default=8, ge=0)  # 0: decoder alone
    lora_alpha: int = Field(default=16, ge=1)
    lora_targets: tuple[str, ...] = ("qkv", "proj", "fc1", "fc2")
    fusion: bool = False  # add convolutional features to the transformer's embedding
    width: int = Field(default=1, ge=1, le=8)  # the compact network's channels: a multiple of the usual
    glance_shrink: int = Field(
        default=GLANCE_SHRINK, ge=1, le=8
    )  # working pixels in a pixel of the compact network's view of the whole field
    default_hand: str

    @model_validator(mode="after")
    def _frame_divides(self) -> NetworkRecipe:
        unit = 16 * self.glance_shrink
        if self.is_compact and self.working_px % unit:
            raise ValueError(
                f"working_px of the compact network is a multiple of {unit}, such as {16 * unit}"
            )
        for name in ("width", "glance_shrink"):
            if not self.is_compact and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(
                    f"{name} is of the compact network; {self.foundation} is as it was published"
                )
        return self

    @property
    def is_compact(self) -> bool:
        """True for the network without a foundation model."""
        return self.foundation == COMPACT


class OptimizationRecipe(_Settings):
    """How the weights are found; an exponential moving average of them is what ships.

    The rates are peaks, one a part of the network. They are reached by a linear warm-up from `warmup_from` and left by
    `schedule`: `cosine` and `poly` fall to `floor` of the peak, `step` is multiplied by `step_factor` at each of
    `step_at` (shares of the run after the warm-up), and `constant` stays.
    """

    method: Literal["adamw", "sgd"] = "adamw"
    schedule: Literal["cosine", "poly", "step", "constant"] = "cosine"
    momentum: float = Field(default=0.9, ge=0, lt=1)  # of SGD
    nesterov: bool = False  # of SGD
    warmup_from: float = Field(default=0.0, ge=0)  # rate of the first step; 0: one share of the warm-up
    floor: float = Field(default=0.0, ge=0, le=1)  # of the peak, where cosine and poly end
    poly_power: float = Field(default=0.9, gt=0)
    step_at: tuple[float, ...] = (0.5, 0.75)
    step_factor: float = Field(default=0.1, gt=0, le=1)
    precision: Literal["auto", "bfloat16", "float32"] = "auto"  # of the multiplications; weights are float32
    steps: int = Field(ge=1)
    batch: int = Field(default=2, ge=1)  # tiles
    accumulate: int = Field(default=1, ge=1)  # batches whose gradients are added up for one step
    seed: int = 0
    rate_adapters: float = 8e-4
    rate_decoder: float = 2e-4
    rate_branch: float = 2e-3
    rate_compact: float = 2e-3  # all weights of the compact network
    frozen: tuple[CompactPart, ...] = ()  # parts of the compact network that stay as `init` has them
    losses: dict[str, float] = Field(default_factory=lambda: {"cross_entropy": 1.0, "dice": 1.0})
    losses_of: dict[str, dict[str, float]] = Field(default_factory=dict)  # of a target, in place of `losses`
    weight_decay: float = 1e-3
    warmup_steps: int = 50
    clip_norm: float = 1.0
    average_decay: float = Field(default=0.995, ge=0, lt=1)
    centerline_weight: float = 0.2  # of soft clDice of vessels, joined after `centerline_from` of the run
    centerline_from: float = 0.3
    glance_weight: float = 0.5  # of the compact network's loss at the scale of the whole field
    stitch: float = Field(
        default=0.0, ge=0, le=1
    )  # share of tiles from two images of a hand, one pasted in the other
    local_share: float = Field(default=0.0, ge=0, le=1)  # of steps that teach the local mode, by clicks
    validate_every: int = Field(default=200, ge=1)
    checkpoint_every: int = Field(default=50, ge=1)
    edge_jitter: float = Field(
        default=0.0, ge=0, le=0.02
    )  # of the frame, by which a training image's field is given too wide or too narrow
    patience: int | None = Field(default=None, ge=1)  # validations without a better mean Dice before stopping

    @model_validator(mode="after")
    def _course_is_possible(self) -> OptimizationRecipe:
        if list(self.step_at) != sorted(self.step_at) or not all(0 < share < 1 for share in self.step_at):
            raise ValueError("step_at names rising shares of the run between 0 and 1, such as [0.5, 0.75]")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0")
        return self


class AugmentationRecipe(_Settings):
    """How far a training tile may be from the image that it is cut from."""

    geometry: Literal["similarity", "quarter_turns"] = "similarity"
    """Any turn and a scale of 0.8 to 1.25, or quarter turns and mirrors alone, under which pixels stay as they are."""
    light: float = Field(default=1.0, ge=0, le=2)
    """Of contrast, brightness, gamma, noise, blur and compression: a multiple of the usual spread."""


class UnlabelledRecipe(_Settings):
    """Images without truth, of which the student sees what its teacher makes of them."""

    name: str
    licence: str
    images: str  # glob below the data folder
    pattern: str = "(?P<id>.+)"  # regular expression over the file stem
    person: str = "{id}"
    fov: str | None = None
    hand: str | None = None  # in whose width; the default hand when left out
    most: int | None = Field(default=None, ge=1)  # images, spread evenly over their names; None: all
    draw: float = Field(default=1.0, gt=0)  # share of training tiles, relative to the other sets


class PhantomRecipe(_Settings):
    """Digital eyes (`retquant.phantoms`) beside photographs: every target is known exactly, to the sub-pixel."""

    name: str = "digital eyes"
    hand: str = "exact"  # vessels are drawn as wide as they are
    count: int = Field(ge=1)
    validation: int = Field(default=0, ge=0)  # further eyes, held out to choose the weights
    seed: int = 0  # of the first eye; the others follow
    draw: float = Field(default=1.0, gt=0)  # share of training tiles, relative to the other sets


class DistillationRecipe(_Settings):
    """Learning from the soft maps of a bundle, on the labelled images and on others (Hinton et al. 2015)."""

    teacher: str  # bundle: a shipped name or a folder
    weight: float = Field(default=1.0, gt=0)  # of its cross-entropy beside the loss on drawn truth
    beside_truth: bool = True  # False: the teacher speaks only of what no truth is known
    unlabelled: tuple[UnlabelledRecipe, ...] = ()


_NEWER = {
    "network": ("fusion", "width", "glance_shrink"),
    "optimization": (
        "local_share",
        "losses_of",
        "accumulate",
        "method",
        "schedule",
        "momentum",
        "nesterov",
        "warmup_from",
        "floor",
        "poly_power",
        "step_at",
        "step_factor",
        "precision",
        "edge_jitter",
        "frozen",
    ),
}
"""Settings newer than some checkpoints, which were written under what are now the defaults."""


class TrainingRecipe(_Settings):
    """A training run."""

    name: str  # of the bundle
    title: str
    intended_use: str
    click_targets: tuple[str, ...] | None = (
        None  # those that the bundle is asked for by clicks, of those that learned them; None: all
    )
    init: str | None = (
        None  # bundle to begin from, a shipped name or a folder; None: random or published weights
    )
    network: NetworkRecipe
    optimization: OptimizationRecipe
    distillation: DistillationRecipe | None = None
    datasets: tuple[DatasetRecipe, ...] = Field(min_length=1)
    augmentation: AugmentationRecipe = AugmentationRecipe()
    phantoms: tuple[PhantomRecipe, ...] = ()

    @model_validator(mode="after")
    def _hands_and_targets_exist(self) -> TrainingRecipe:
        if self.network.default_hand not in self.hands:
            raise ValueError(f"default_hand {self.network.default_hand!r} is none of {', '.join(self.hands)}")
        if len({dataset.modality for dataset in self.datasets}) > 1:
            raise ValueError("a network is for photographs or for angiograms: data sets of one `modality`")
        for dataset in self.datasets:
            if not set(dataset.targets) & set(self.network.targets):
                raise ValueError(f"data set {dataset.name} has truth for none of the targets")
        if self.optimization.local_share and (
            self.network.is_compact or not set(CLICKED) & set(self.network.targets)
        ):
            raise ValueError(
                f"local_share needs a network that takes prompts, and one of the targets {', '.join(CLICKED)}"
            )
        if self.optimization.frozen and (self.init is None or not self.network.is_compact):
            raise ValueError("frozen names parts of a compact network that `init` has trained; there is none")
        if "drawn" in self.optimization.frozen and not set(DRAWN_BY_HAND) & set(self.network.targets):
            raise ValueError(f"drawn is frozen, and the network has none of {', '.join(DRAWN_BY_HAND)}")
        named = set(self.optimization.losses).union(*self.optimization.losses_of.values())
        if unknown := named - LOSS_NAMES:
            raise ValueError(f"there is no loss {sorted(unknown)}; one of {', '.join(sorted(LOSS_NAMES))}")
        if strangers := set(self.optimization.losses_of) - set(self.network.targets):
            raise ValueError(f"losses_of names {sorted(strangers)}, which the network does not segment")
        for unlabelled in self.distillation.unlabelled if self.distillation else ():
            if unlabelled.hand is not None and unlabelled.hand not in self.hands:
                raise ValueError(f"the hand of {unlabelled.name} is none of {', '.join(self.hands)}")
        return self

    @property
    def modality(self) -> str:
        """What kind of image the network is for."""
        return self.datasets[0].modality

    @property
    def hands(self) -> tuple[str, ...]:
        """Annotation hands, in the order of first mention."""
        drawn = [d.hand for d in self.datasets if d.hand is not None]
        return tuple(dict.fromkeys([*drawn, *(p.hand for p in self.phantoms)]))

    def digest(self) -> str:
        """16 hexadecimal digits that change with whatever the weights depend on (so not with titles)."""
        settings = self.model_dump(mode="json", exclude={"name", "title", "intended_use", "click_targets"})
        if self.distillation is None:  # unlabelled images are seen in the default hand's width
            del settings["network"]["default_hand"]
        for dataset in settings["datasets"]:
            for name in ("second_observer", "field_mm"):  # nothing is learned from these
                del dataset[name]
            for name, usual in (("modality", "cfp"), ("same_person", [])):  # newer than some checkpoints
                if dataset[name] == usual:
                    del dataset[name]
        for part, plain in (("network", self.network), ("optimization", self.optimization)):
            for name in _NEWER[part]:
                usual = type(plain).model_fields[name].get_default(call_default_factory=True)
                if getattr(plain, name) == usual:
                    del settings[part][name]
        for phantoms in settings["phantoms"]:
            if not phantoms["validation"]:
                del phantoms["validation"]  # newer than some checkpoints
        for name in ("init", "distillation", "phantoms", "augmentation"):  # newer than some checkpoints
            if getattr(self, name) == type(self).model_fields[name].default:
                del settings[name]
        canonical = json.dumps(settings, sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]


class EvaluationRecipe(_Settings):
    """Data sets to judge a model on."""

    datasets: tuple[DatasetRecipe, ...] = Field(min_length=1)


Recipe = TypeVar("Recipe", bound=BaseModel)


def load_recipe(path: Path, kind: type[Recipe]) -> Recipe:
    """Read a training or evaluation recipe, with what it extends (`retquant.training.extending`).

    Raises
    ------
    ConfigError
        The file is missing, is no TOML, or has settings that are unknown or wrong.
    """
    read = read_extended(path, missing="give the path of a TOML recipe")
    try:
        return kind.model_validate(read)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'recipe'}: {e['msg']}" for e in error.errors())
        raise ConfigError(
            faults, where=str(path), remedy="see pipelines/training/ for a working recipe"
        ) from None


def load_datasets(path: Path) -> tuple[DatasetRecipe, ...]:
    """The data sets of an evaluation recipe, or of a training recipe; raises as `load_recipe`."""
    try:
        is_training = "network" in read_extended(path, missing="")
    except (ConfigError, OSError):
        is_training = False  # the reader below says what is wrong
    if is_training:
        return load_recipe(path, TrainingRecipe).datasets
    return load_recipe(path, EvaluationRecipe).datasets
