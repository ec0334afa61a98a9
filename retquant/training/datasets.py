"""From recipes to images with truth, in the frame the network works in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retquant.config import ImageSettings
from retquant.errors import ConfigError
from retquant.images import read_image
from retquant.segmentation.working_image import frame_of, local_contrast
from retquant.training.recipe import DatasetRecipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One image of a data set with its truth files."""

    dataset: str
    hand: str
    stem: str
    person: str
    image: Path
    fov: Path | None
    truth: dict[str, Path]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class WorkingExample:
    """An example in the network's frame of S pixels, for T targets."""

    example: Example
    image: np.ndarray  # (S, S, 3) float32 in [0, 1]
    truth: np.ndarray  # (S, S, T) float32, coverage in [0, 1]
    valid: np.ndarray  # (S, S, T) float32, 1 where truth is known


def find_examples(recipe: DatasetRecipe, root: Path) -> list[Example]:
    """List a data set's examples, in the order of their names.

    Raises
    ------
    ConfigError
        No image matches, a file name does not fit the pattern, or a truth file is missing.
    """
    paths = sorted(root.glob(recipe.images))
    if not paths:
        raise ConfigError(
            f"no image matches {recipe.images}",
            where=f"data set {recipe.name}",
            remedy=f"check --data, which is {root}",
        )
    examples = []
    for path in paths:
        match = re.fullmatch(recipe.pattern, path.stem)
        if match is None:
            continue
        groups = match.groupdict()
        truth = {target: root / file.format(**groups) for target, file in recipe.truth.items()}
        for file in truth.values():
            if not file.is_file():
                raise ConfigError(
                    f"truth file {file} is missing", where=f"data set {recipe.name}", remedy="mend `truth`"
                )
        examples.append(
            Example(
                dataset=recipe.name,
                hand=recipe.hand,
                stem=path.stem,
                person=recipe.person.format(**groups),
                image=path,
                fov=None if recipe.fov is None else root / recipe.fov.format(**groups),
                truth=truth,
            )
        )
    if unknown := set(recipe.validation) - {e.person for e in examples}:
        raise ConfigError(
            f"validation names {sorted(unknown)}, who are not in it", where=f"data set {recipe.name}"
        )
    return examples


def split(recipe: DatasetRecipe, examples: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """Training and validation examples; no person is in both."""
    held_out = set(recipe.validation)
    return (
        [e for e in examples if e.person not in held_out],
        [e for e in examples if e.person in held_out],
    )


def load_working(
    examples: Sequence[Example], *, targets: Sequence[str], working_px: int
) -> Iterator[WorkingExample]:
    """Read examples into the network's frame; truth becomes the share of each working pixel that is covered."""
    for example in examples:
        pixels, fov = read_pixels(example)
        frame = frame_of(fov, working_px)
        field = frame.cut(fov) >= 0.5
        truth = np.zeros((working_px, working_px, len(targets)), np.float32)
        valid = np.zeros_like(truth)
        for index, target in enumerate(targets):
            if target in example.truth:
                truth[..., index] = np.clip(frame.cut(read_truth(example.truth[target], fov.shape)), 0, 1)
                valid[..., index] = field
        yield WorkingExample(
            example=example, image=local_contrast(frame.cut(pixels), field), truth=truth, valid=valid
        )


def read_pixels(example: Example) -> tuple[np.ndarray, np.ndarray]:
    """(H, W, 3) uint8 pixels and (H, W) bool field of view of an example."""
    image = read_image(example.image, fov_mask=example.fov, settings=ImageSettings())
    return image.pixels, image.fov


def read_truth(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """(H, W) bool truth mask: every value but 0 is the target (data sets use 0/1, 0/255 and codes).

    Raises
    ------
    ConfigError
        The mask's size is not the image's.
    """
    from PIL import Image

    with Image.open(path) as file:
        # a 1-bit file must not go to numpy directly: its true bytes are 255
        codes = np.asarray(file if file.mode in ("L", "P", "I;16") else file.convert("L"))
    if codes.shape != shape:
        raise ConfigError(f"the mask is {codes.shape[::-1]}, its image {shape[::-1]} pixels", where=str(path))
    return codes > 0
