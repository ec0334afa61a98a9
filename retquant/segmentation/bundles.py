"""Model bundles: a folder with `adapter.safetensors` and `model.json`, shipped in the package or anywhere on disk.

Listing and showing bundles reads JSON only; torch is imported when one is loaded.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from retquant.errors import ModelError
from retquant.resources import MODELS
from retquant.segmentation.spec import COMPACT, GLANCE_SHRINK, NetworkSpec

WEIGHTS_FILE = "adapter.safetensors"
CARD_FILE = "model.json"


class _Card(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TrainingData(_Card):
    """One data set that a bundle has learned from."""

    name: str
    licence: str
    hand: str | None  # None where it draws no vessels
    targets: tuple[str, ...] = ("vessel",)
    images: int
    persons: int
    validation_persons: tuple[str, ...]

    @property
    def is_open(self) -> bool:
        """True where the licence lets anybody use the images for anything."""
        return self.licence.startswith(("CC BY 4.0", "CC0", "MIT", "Apache-2.0"))


class HeldOutResult(_Card):
    """Agreement with drawn masks on images that were not trained on; means over images with their spread."""

    dataset: str
    role: str  # "validation" (chose the weights) or "test" (chose nothing)
    target: str
    hand: str
    images: int
    mirrors: bool = False  # judged by the mean over each image and its three mirror images
    dice: float | None  # None for a point
    dice_sd: float | None
    auc: float | None  # of all pixels pooled
    centerline_dice: float | None  # None for what has no centre line
    sensitivity: float | None
    specificity: float | None
    accuracy: float | None
    dice_low: float | None = None  # 95 % interval of the mean, images drawn with replacement
    dice_high: float | None = None
    jaccard: float | None = None
    precision: float | None = None
    average_precision: float | None = None  # of all pixels pooled
    connectivity: float | None = None
    thin_sensitivity: float | None = None  # of the centre line of vessels below 3 px at DRIVE's scale
    calibre_ratio: float | None = None  # found over drawn width on the same centre lines
    threshold: float | None = None  # of greatest pooled Dice, found in the role "validation"
    dice_at_chosen: float | None = None  # at the threshold found there
    line_accuracy: float | None = (
        None  # arteries, veins: labelled right on the drawn centre line, of what is found
    )
    cdr_error: float | None = None  # of a cup: vertical cup-to-disc ratio, mean of |found - drawn|
    cdr_bias: float | None = None  # mean of found - drawn
    area_error: float | None = None  # of a disc, cup or avascular zone: mean of |found area / drawn area - 1|
    area_bias: float | None = None  # mean of found area / drawn area - 1
    error_radii: float | None = None  # of a point: median distance from the truth, in radii of the disc

    @property
    def hand_text(self) -> str:
        """The hand that was followed, and whether in mirrors, for a table."""
        return f"{self.hand}, mirrors" if self.mirrors else self.hand


class Bundle(_Card):
    """The card of a bundle: everything needed to build, judge and cite it."""

    schema_version: int = 1
    name: str
    title: str
    modality: str
    intended_use: str
    foundation: str
    foundation_sha256: str  # empty for the compact network, which has none
    targets: tuple[str, ...]
    hands: tuple[str, ...]
    default_hand: str
    working_px: int
    lora_rank: int
    lora_alpha: int
    lora_targets: tuple[str, ...]
    fusion: bool = False
    width: int = 1  # the compact network's channels, as a multiple of the usual ones
    glance_shrink: int = GLANCE_SHRINK  # working pixels in a pixel of its view of the whole field
    temperatures: dict[str, float] = Field(
        default_factory=dict
    )  # by target, what its logits are divided by to be probabilities (Guo et al. 2017); 1 where left out
    takes_clicks: bool = False  # True where it was trained to segment the one vessel clicked
    click_targets: tuple[str, ...] | None = None  # of which it is asked so; None: all
    recipe_digest: str
    steps: int
    seed: int
    retquant_version: str
    training_data: tuple[TrainingData, ...]
    results: tuple[HeldOutResult, ...] = ()
    weights_sha256: str
    folder: Path = Field(default=Path(), exclude=True)  # where it was found

    def is_clicked(self, target: str) -> bool:
        """Whether clicks on a target are a prompt to the network, and not just a choice among what it finds."""
        return self.takes_clicks and (self.click_targets is None or target in self.click_targets)

    @property
    def network_spec(self) -> NetworkSpec:
        """The network that its weights are for."""
        return NetworkSpec(
            foundation=self.foundation,
            targets=self.targets,
            hands=self.hands,
            lora_rank=self.lora_rank,
            lora_alpha=self.lora_alpha,
            lora_targets=self.lora_targets,
            fusion=self.fusion,
            width=self.width,
            glance_shrink=self.glance_shrink,
        )

    def temperature_of(self, target: str) -> float:
        """What the logits of a target are divided by."""
        return self.temperatures.get(target, 1.0)

    @property
    def is_open(self) -> bool:
        """True where every data set it learned from is openly licensed."""
        return all(data.is_open for data in self.training_data)

    @property
    def licence_note(self) -> str:
        """One sentence on what the training data allow, for the run's summary and record."""
        closed = [data.name for data in self.training_data if not data.is_open]
        if not closed:
            return f"{self.name} was trained on openly licensed images only."
        return f"{self.name} was trained on images that include sets for research use only ({', '.join(closed)})."


def list_bundles() -> list[Bundle]:
    """The bundles that ship with the package, by name."""
    return [read_bundle(card.parent.name) for card in sorted(MODELS.glob(f"*/{CARD_FILE}"))]


def read_bundle(name: str) -> Bundle:
    """The card of a shipped bundle, or of a bundle in a folder.

    Raises
    ------
    ModelError
        There is no such bundle, or its card is damaged.
    """
    folder = MODELS / name if (MODELS / name / CARD_FILE).is_file() else Path(name)
    card = folder / CARD_FILE
    try:
        bundle = Bundle.model_validate_json(card.read_text(encoding="utf-8"))
    except FileNotFoundError:
        shipped = ", ".join(path.parent.name for path in sorted(MODELS.glob(f"*/{CARD_FILE}"))) or "none"
        raise ModelError(
            f"there is no model {name!r}", remedy=f"a folder with {CARD_FILE}, or one that ships: {shipped}"
        ) from None
    except (ValidationError, UnicodeDecodeError) as error:
        raise ModelError(
            f"the card is damaged ({error})", where=str(card), remedy="install the model again"
        ) from None
    return bundle.model_copy(update={"folder": folder})


def read_weights(bundle: Bundle) -> bytes:
    """The bundle's weights file, checked against the card.

    Raises
    ------
    ModelError
        The file is missing or its sha256 is not the card's.
    """
    path = bundle.folder / WEIGHTS_FILE
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ModelError(
            "the weights are missing", where=str(path), remedy="install the model again"
        ) from None
    found = hashlib.sha256(data).hexdigest()
    if found != bundle.weights_sha256:
        raise ModelError(
            f"the weights' sha256 is {found}, the card says {bundle.weights_sha256}",
            where=str(path),
            remedy="install the model again",
        )
    return data


def _result_row(r: HeldOutResult, *, tells_areas: bool) -> str:
    def number(value: float | None, digits: int) -> str:
        return "–" if value is None else f"{value:.{digits}f}"

    dice = "–" if r.dice is None else f"{r.dice:.3f} ± {number(r.dice_sd, 3)}"
    parts = [r.dataset, r.target, r.role, str(r.images), r.hand_text, dice, number(r.auc, 4)]
    parts += [number(v, 3) for v in (r.centerline_dice, r.sensitivity, r.specificity, r.error_radii)]
    if tells_areas:
        parts.append(number(r.area_error, 3))
    return f"| {' | '.join(parts)} |"


def _architecture(bundle: Bundle) -> str:
    if bundle.foundation == COMPACT:
        wider = "" if bundle.width == 1 else f" {bundle.width} times the usual channels,"
        return f"Foundation: none; two small U-Nets,{wider} one of the whole field and one of its detail."
    adapted = (
        f"LoRA of rank {bundle.lora_rank} on {', '.join(bundle.lora_targets)}"
        if bundle.lora_rank
        else "encoder as published"
    )
    fused = ", convolutional features fused with its embedding" if bundle.fusion else ""
    return (
        f"Foundation: {bundle.foundation} (sha256 {bundle.foundation_sha256[:16]}…), {adapted}{fused}; "
        "decoder and full-resolution branch trained whole."
    )


def _calibration(bundle: Bundle) -> str:
    if not bundle.temperatures:
        return "Probabilities as the network gives them, not calibrated."
    fitted = ", ".join(f"{target} {value:.2f}" for target, value in bundle.temperatures.items())
    return f"Logits are divided by temperatures fitted on the validation persons: {fitted}."


def render_card(bundle: Bundle) -> str:
    """The card as Markdown."""
    data = "\n".join(
        f"| {d.name} | {', '.join(d.targets)} | {d.images} | {d.persons} "
        f"| {', '.join(d.validation_persons) or 'none'} | {d.licence} |"
        for d in bundle.training_data
    )
    tells_areas = any(r.area_error is not None for r in bundle.results)
    results = "\n".join(_result_row(r, tells_areas=tells_areas) for r in bundle.results)
    area_note = " Area error: mean of |found area / drawn area - 1|." if tells_areas else ""
    area_head, area_rule = (" area error |", "---|") if tells_areas else ("", "")
    return f"""# {bundle.name}

{bundle.title}. Targets: {", ".join(bundle.targets)}. Modality: {bundle.modality}.

{bundle.intended_use}

{bundle.licence_note}

* {_architecture(bundle)}
* Works on the field of view resampled to {bundle.working_px} px across.
* Annotation hands: {", ".join(bundle.hands)}; follows `{bundle.default_hand}` unless told otherwise.
* Trained for {bundle.steps} steps from seed {bundle.seed}, recipe {bundle.recipe_digest}, retquant \
{bundle.retquant_version}.
* {_calibration(bundle)}
* Weights: half-precision safetensors, sha256 {bundle.weights_sha256}.

## Learned from

| data set | truth | images | persons | validation persons | licence |
|---|---|---|---|---|---|
{data}

## Held-out results

Masks at probability one half, inside the field of view, at the images' own resolution; means over images ± SD; AUC of
all pixels pooled. A point's error is the median distance in radii of the disc. Validation persons chose the training
step; test images chose nothing.{area_note}

| data set | target | role | images | hand | Dice | AUC | clDice | sensitivity | specificity | error |{area_head}
|---|---|---|---|---|---|---|---|---|---|---|{area_rule}
{results}
"""
