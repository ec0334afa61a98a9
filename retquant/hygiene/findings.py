"""What is suspect, of which images, and how grave it is; in arrays, since one picture may stand a million times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from retquant.hygiene.cohort_columns import EYES, UNKNOWN, CohortColumns
from retquant.hygiene.likeness import Likeness

NOBODY = -1  # in place of the other image, in a finding about one
# pictures that one is said to be like; a screen that stands for missing pictures is like thousands
MOST_LIKE = 20

SENTENCES = {
    "same_file": "The same file under two names",
    "same_picture": "The same picture under two names, in files that differ",
    "near_identical": "Nearly the same picture under two names",
    "mirrored": "The same picture mirrored under another name",
    "eyes_swapped": "Left and right look exchanged: both pictures show the other eye than the manifest says",
    "eye_disagrees": "The picture shows the other eye than the manifest says",
}
"""Kinds of finding in words."""

BETWEEN = {
    "people": "two people",
    "eyes": "two eyes of a person",
    "visits": "two visits of an eye",
    "eye": "one eye at one visit",
    "images": "images whose people are not known",
}
"""What the two images of a finding belong to, in words; gravest first."""

GRAVE = frozenset({("people", kind) for kind in ("same_file", "same_picture", "near_identical", "mirrored")}) | {
    ("eyes", "same_file"), ("eyes", "same_picture"), ("eyes", "near_identical"), ("eyes", "mirrored"),
    ("eyes", "eyes_swapped"),
}  # fmt: skip
"""(between, kind) after which results of somebody stand under another name."""


KINDS, PLACES = tuple(SENTENCES), ("", *BETWEEN)
_IS_GRAVE = np.array([[(place, kind) in GRAVE for place in PLACES] for kind in KINDS])


@dataclass(frozen=True, kw_only=True, eq=False)
class Findings:
    """F findings; images by their place in the manifest."""

    kind: np.ndarray  # (F,) place in KINDS
    between: np.ndarray  # (F,) place in PLACES; 0 of a single image
    image: np.ndarray  # (F,)
    other: np.ndarray  # (F,) NOBODY of a single image
    # (F,) float32 cosine of whitened fingerprints of pictures that are only nearly the same, else NaN
    similarity: np.ndarray

    @property
    def is_grave(self) -> np.ndarray:
        """(F,) whether results may stand under the wrong name."""
        return np.asarray(_IS_GRAVE[self.kind, self.between])

    def counts(self) -> dict[tuple[str, str], int]:
        """How many there are of each (kind, between), in their order."""
        codes = self.kind * len(PLACES) + self.between
        found, first, counts = np.unique(codes, return_index=True, return_counts=True)
        order = np.argsort(first)
        pairs = [divmod(int(code), len(PLACES)) for code in found[order]]
        return {
            (KINDS[kind], PLACES[place]): int(count)
            for (kind, place), count in zip(pairs, counts[order], strict=True)
        }


def findings(columns: CohortColumns) -> Findings:
    """Everything that is suspect, gravest first, then by kind and the manifest's order."""
    found = [*_copies(columns), *_near_copies(columns), *_swapped(columns)]
    none = _finding("same_file", np.zeros(0, np.int64), (), ())
    joined = {
        name: np.concatenate([getattr(each, name) for each in (none, *found)])
        for name in Findings.__dataclass_fields__
    }
    all_of_them = Findings(**joined)
    order = np.lexsort(
        (
            all_of_them.other,
            all_of_them.image,
            all_of_them.between,
            all_of_them.kind,
            ~all_of_them.is_grave,
        )
    )
    return Findings(**{name: values[order] for name, values in joined.items()})


def relation(columns: CohortColumns, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(F,) what pairs of images belong to: places in PLACES."""
    people = columns.person[one], columns.person[other]
    eyes = columns.eye[one], columns.eye[other]
    return np.select(
        [
            (people[0] == UNKNOWN) | (people[1] == UNKNOWN),
            people[0] != people[1],
            (eyes[0] != 0) & (eyes[1] != 0) & (eyes[0] != eyes[1]),
            columns.visit[one] == columns.visit[other],
        ],
        [PLACES.index(name) for name in ("images", "people", "eyes", "eye")],
        PLACES.index("visits"),
    )


def _finding(
    kind: str,
    between: np.ndarray,
    image: Sequence[int] | np.ndarray,
    other: Sequence[int] | np.ndarray | None = None,
    similarity: Sequence[float] | np.ndarray | None = None,
) -> Findings:
    count = len(between)
    return Findings(
        kind=np.full(count, KINDS.index(kind)),
        between=np.asarray(between, np.int64),
        image=np.asarray(image, np.int64),
        other=np.full(count, NOBODY) if other is None else np.asarray(other, np.int64),
        similarity=np.full(count, np.nan, np.float32)
        if similarity is None
        else np.asarray(similarity, np.float32),
    )


def _copies(columns: CohortColumns) -> Iterator[Findings]:
    """Equal bytes, or equal pixels in other bytes, each image against the first of its kind.

    A file may hold several pictures (pages, planes): it is the same only where the pictures are, or where two people
    share it.
    """
    files, pictures = columns.file_digest, columns.picture_digest
    first, other = _repeated(pictures)
    is_same = (files[first] == files[other]) & (files[first] != b"")
    for kind, chosen in (("same_file", is_same), ("same_picture", ~is_same)):
        one, two = first[chosen], other[chosen]
        yield _finding(kind, relation(columns, one, two), one, two)
    first, other = _repeated(files)
    between = relation(columns, first, other)
    is_unread = (pictures[first] == b"") | (pictures[other] == b"")
    of_two = (pictures[first] != pictures[other]) & (between == PLACES.index("people"))
    told = is_unread | of_two
    yield _finding("same_file", between[told], first[told], other[told])


def _repeated(digests: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(first image, further image) of those whose digest is known and the same."""
    order = np.argsort(digests, kind="stable")
    known = order[digests[order] != b""]
    again = np.zeros(len(known), bool)
    again[1:] = digests[known][1:] == digests[known][:-1]
    first = np.maximum.accumulate(np.where(again, 0, np.arange(len(known))))
    return known[first][again], known[again]


def _near_copies(columns: CohortColumns) -> Iterator[Findings]:
    single = _first_of_each(columns)
    best: dict[tuple[int, int, bool], float] = {}
    named: Counter[int] = Counter()
    numbers = columns.fingerprints  # of a million pictures a quarter of a GB, not to be copied needlessly
    likeness = Likeness(numbers if len(single) == len(numbers) else numbers[single])
    for one, other, alike, is_mirrored in likeness.pairs():
        images = columns.fingerprinted[single[one]], columns.fingerprinted[single[other]]
        for a, b, value in zip(*images, alike, strict=True):
            pair = (int(min(a, b)), int(max(a, b)), is_mirrored)
            if pair not in best and min(named[pair[0]], named[pair[1]]) >= MOST_LIKE:
                continue
            named.update(pair[:2] if pair not in best else ())
            best[pair] = max(float(value), best.get(pair, 0.0))
    for kind, is_mirrored in (("near_identical", False), ("mirrored", True)):
        pairs = [pair[:2] for pair in best if pair[2] == is_mirrored]
        image, like = np.array(pairs, np.int64).reshape(-1, 2).T
        values = np.array([best[*pair, is_mirrored] for pair in pairs], np.float32)
        between = relation(columns, image, like)
        # two pictures of an eye taken one after the other are as usual as one mirrored of them is not
        told = (between != PLACES.index("eye")) | is_mirrored
        yield _finding(kind, between[told], image[told], like[told], np.round(values[told], 3))


def _first_of_each(columns: CohortColumns) -> np.ndarray:
    """Places among the fingerprints: of equal pictures, which are told already, the first alone."""
    digests = columns.picture_digest[columns.fingerprinted]
    _, first = np.unique(digests, return_index=True)
    return np.union1d(first, np.flatnonzero(digests == b""))


def _swapped(columns: CohortColumns) -> Iterator[Findings]:
    """Images whose eye disagrees, by twos where both eyes of a person and visit do."""
    waiting: dict[tuple[int, int], list[int]] = {}
    alone: list[int] = []
    pairs: list[tuple[int, int]] = []
    for image in map(int, np.flatnonzero(columns.eye_disagrees)):
        if columns.person[image] == UNKNOWN:
            alone.append(image)
        else:
            key = (int(columns.person[image]), int(columns.visit[image]))
            waiting.setdefault(key, []).append(image)
    for images in waiting.values():
        right = [image for image in images if EYES[columns.eye[image]] == "OD"]
        left = [image for image in images if EYES[columns.eye[image]] == "OS"]
        both = list(zip(right, left, strict=False))
        pairs += both
        alone += right[len(both) :] + left[len(both) :]
    one, other = np.array(pairs, np.int64).reshape(-1, 2).T
    yield _finding("eyes_swapped", np.full(len(pairs), PLACES.index("eyes")), one, other)
    yield _finding("eye_disagrees", np.zeros(len(alone), np.int64), alone)
