"""From recipes to images and their truth files; who is held out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from retquant.config import ImageSettings
from retquant.errors import ConfigError
from retquant.images import read_image
from retquant.training.recipe import DatasetRecipe, LandmarkRecipe, TrainingRecipe, UnlabelledRecipe
from retquant.training.truth import read_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One image of a data set with its truth files."""

    dataset: str
    hand: str | None  # annotation hand of its vessels
    stem: str
    person: str
    image: Path
    fov: Path | None
    truth: dict[str, Path]
    second: dict[str, Path] = field(default_factory=dict)  # what a second observer drew
    points: dict[str, tuple[float, float]] = field(default_factory=dict)  # landmark -> x, y in the image
    modality: str = "cfp"
    field_mm: float | None = None  # side of an angiogram's field


def find_examples(recipe: DatasetRecipe, root: Path) -> list[Example]:
    """List a data set's examples, in the order of their names.

    Raises
    ------
    ConfigError
        No image matches, a file name does not fit the pattern, or a truth file is missing.
    """
    examples = []
    for path, groups in _files(recipe, root):
        truth = {target: root / file.format(**groups) for target, file in recipe.truth.items()}
        second = {target: root / file.format(**groups) for target, file in recipe.second_observer.items()}
        for file in (*truth.values(), *second.values()):
            if not file.is_file():
                raise ConfigError(
                    f"truth file {file} is missing", where=f"data set {recipe.name}", remedy="mend `truth`"
                )
        person = _person(recipe, groups)
        examples.append(
            Example(
                dataset=recipe.name,
                hand=recipe.hand,
                stem=path.stem,
                person=person,
                image=path,
                fov=None if recipe.fov is None else root / recipe.fov.format(**groups),
                truth=truth,
                second=second,
                points=_landmarks(recipe.landmarks, root, groups),
                modality=recipe.modality,
                field_mm=recipe.field_mm.get(person),
            )
        )
    for what, named in (("validation", recipe.validation), ("field_mm", recipe.field_mm)):
        if unknown := set(named) - {e.person for e in examples}:
            raise ConfigError(
                f"{what} names {sorted(unknown)}, who are not in it", where=f"data set {recipe.name}"
            )
    return examples


def _person(recipe: DatasetRecipe, groups: Mapping[str, str]) -> str:
    """Who it is; of several names of one person the first."""
    name = recipe.person.format(**groups)
    return next((names[0] for names in recipe.same_person if name in names), name)


def find_unlabelled(recipe: UnlabelledRecipe, root: Path, *, default_hand: str) -> list[Example]:
    """List images without truth, in the order of their names; raises as `find_examples`."""
    examples = [
        Example(
            dataset=recipe.name,
            hand=recipe.hand or default_hand,
            stem=path.stem,
            person=recipe.person.format(**groups),
            image=path,
            fov=None if recipe.fov is None else root / recipe.fov.format(**groups),
            truth={},
        )
        for path, groups in _files(recipe, root)
    ]
    if recipe.most is None or recipe.most >= len(examples):
        return examples
    return [examples[i * len(examples) // recipe.most] for i in range(recipe.most)]


def split(recipe: DatasetRecipe, examples: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """Training and validation examples; no person is in both."""
    held_out = set(recipe.validation)
    return (
        [e for e in examples if e.person not in held_out],
        [e for e in examples if e.person in held_out],
    )


def with_fold(recipe: TrainingRecipe, root: Path, *, fold: int, folds: int) -> TrainingRecipe:
    """The recipe with the persons of one fold of each data set held out, instead of those it names.

    Fold k of n, from 1, holds out persons k, k + n, k + 2 n, … in the order of their names; each is held out once.

    Raises
    ------
    ConfigError
        There is no such fold, or a data set has fewer persons than folds.
    """
    if not 1 <= fold <= folds or folds < 2:
        raise ConfigError(f"there is no fold {fold} of {folds}", remedy="--fold 1/5 is the first of five")
    changed = []
    for dataset in recipe.datasets:
        persons = sorted({e.person for e in find_examples(dataset, root)})
        if len(persons) < folds:
            raise ConfigError(
                f"{len(persons)} persons cannot be split in {folds} folds", where=f"data set {dataset.name}"
            )
        changed.append(dataset.model_copy(update={"validation": tuple(persons[fold - 1 :: folds])}))
    return recipe.model_copy(update={"datasets": tuple(changed)})


def read_pixels(example: Example) -> tuple[np.ndarray, np.ndarray]:
    """(H, W, 3) uint8 pixels and (H, W) bool field of view of an example."""
    image = read_image(
        example.image, modality=example.modality, fov_mask=example.fov, settings=ImageSettings()
    )
    return image.pixels, image.fov


def _files(recipe: DatasetRecipe | UnlabelledRecipe, root: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """Images whose names fit the pattern, with its groups."""
    paths = sorted(root.glob(recipe.images))
    if not paths:
        raise ConfigError(
            f"no image matches {recipe.images}",
            where=f"data set {recipe.name}",
            remedy=f"check --data, which is {root}",
        )
    for path in paths:
        match = re.fullmatch(recipe.pattern, path.stem)
        if match is not None:
            yield path, match.groupdict()


def _landmarks(
    recipe: LandmarkRecipe | None, root: Path, groups: Mapping[str, str]
) -> dict[str, tuple[float, float]]:
    if recipe is None:
        return {}
    row = read_table(root / recipe.table, recipe.column).get(recipe.row.format(**groups))
    if row is None:
        return {}
    columns = {"fovea": recipe.fovea, "disc": recipe.disc}
    return {name: (float(row[xy[0]]), float(row[xy[1]])) for name, xy in columns.items() if xy is not None}
