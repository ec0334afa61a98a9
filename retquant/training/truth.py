"""Truth as training needs it: for each target how much of a working pixel it covers, and where that is known.

Data sets label different things, so every map comes with the place in which it holds; elsewhere nothing is claimed.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from retquant.errors import ConfigError
from retquant.segmentation.working_image import Frame
from retquant.training.vessel_tables import read_vessel_table

DISC_RADII_TO_FOVEA = 5.29  # from the disc's centre to the fovea's
FOVEA_SPREAD = 0.5  # sigma of the fovea's heat map, in disc radii
SURELY_DISC, SURELY_NOT_DISC = 0.6, 1.6  # disc radii about a disc's centre of which only the point is known
KNOWN_SHARE = 0.99  # of a working pixel


def read_truth(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """(H, W) bool truth mask: every value but 0 is the target (data sets use 0/1, 0/255 and codes).

    Raises
    ------
    ConfigError
        The mask's size is not the image's.
    """
    return read_codes(path, shape) > 0


def read_codes(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """(H, W) values of a mask file as they are stored; raises as `read_truth`."""
    from PIL import Image

    with Image.open(path) as file:
        # a 1-bit file must not go to numpy directly: its true bytes are 255
        codes = np.asarray(file if file.mode in ("L", "P", "I;16") else file.convert("L"))
    if codes.shape != shape:
        raise ConfigError(f"the mask is {codes.shape[::-1]}, its image {shape[::-1]} pixels", where=str(path))
    return codes


def artery_and_vein(codes: np.ndarray, vessel: np.ndarray | None = None) -> tuple[np.ndarray, ...]:
    """(H, W) bool artery, vein, and where both are known, of codes 0 background, 1 artery, 2 vein, 3 unclear.

    An unclear component (8-connected) that touches an artery and a vein is their crossing and belongs to both; any
    other is unknown. So is a vessel of the mask `vessel` that the codes leave out.

    Raises
    ------
    ConfigError
        There are other codes: an editor's mask of 0 and 255, or another release's.
    """
    if codes.max(initial=0) > 3:
        raise ConfigError(
            f"artery and vein codes run from 0 to 3, and there is {codes.max()}",
            remedy="0 background, 1 artery, 2 vein, 3 both or uncertain",
        )
    artery, vein, unclear = codes == 1, codes == 2, codes == 3
    square = np.ones((3, 3), np.uint8)
    count, labels = cv2.connectedComponents(unclear.astype(np.uint8), connectivity=8)
    touches = np.zeros((2, count), bool)
    for row, kind in enumerate((artery, vein)):
        touches[row, np.unique(labels[cv2.dilate(kind.astype(np.uint8), square) > 0])] = True
    crossing = (touches.all(axis=0) & (np.arange(count) > 0))[labels]
    known = ~unclear | crossing
    if vessel is not None:
        known &= ~(vessel & (codes == 0))
    return artery | crossing, vein | crossing, known


def truth_maps(
    files: Mapping[str, Path],
    points: Mapping[str, tuple[float, float]],
    *,
    frame: Frame,
    field: np.ndarray,
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Each target with its (S, S) float32 coverage and (S, S) bool known part, in the working frame.

    Parameters
    ----------
    files : target or `av` -> mask file
    points : `fovea`, `disc` -> x, y in the image
    field : (S, S) bool field of view in the frame
    """
    for target, path in files.items():
        if target == "graph":
            yield from _drawn_pieces(path, frame, field)
        elif target == "av":
            yield from _cut_classes(path, files.get("vessel"), frame, field)
        else:
            yield target, _cover(frame, read_truth(path, frame.shape)), field
    placed = {name: frame.points(np.array([xy]))[0] for name, xy in points.items()}
    if not {"fovea", "disc"} <= set(placed):
        return
    yield "fovea", fovea_heat(placed["fovea"], placed["disc"], len(field)), field
    if "disc" not in files:
        distance = _distance(placed["disc"], len(field)) / _disc_radius(placed["fovea"], placed["disc"])
        near, far = distance <= SURELY_DISC, distance >= SURELY_NOT_DISC
        yield "disc", near.astype(np.float32), field & (near | far)


def _drawn_pieces(
    path: Path, frame: Frame, field: np.ndarray
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    if frame.shape[0] != frame.shape[1] or not field.all():
        raise ConfigError(
            f"a table of vessels covers a square image, and this is {frame.shape[1]} x {frame.shape[0]} pixels",
            where=str(path),
            remedy="mend `truth.graph`",
        )
    for target, coverage in read_vessel_table(path).targets(frame.size):
        yield target, coverage, field


def fovea_heat(fovea: np.ndarray, disc: np.ndarray, size: int) -> np.ndarray:
    """(size, size) float32 heat map of a fovea, of x, y of its centre and the disc's: a bell, 1 at the fovea."""
    distance = _distance(fovea, size) / _disc_radius(fovea, disc)
    heat: np.ndarray = np.exp(-0.5 * (distance / FOVEA_SPREAD) ** 2)
    return heat


def _disc_radius(fovea: np.ndarray, disc: np.ndarray) -> float:
    return float(np.hypot(*(fovea - disc))) / DISC_RADII_TO_FOVEA


def _cut_classes(
    path: Path, vessel: Path | None, frame: Frame, field: np.ndarray
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    drawn = None if vessel is None else read_truth(vessel, frame.shape)
    artery, vein, known = artery_and_vein(read_codes(path, frame.shape), drawn)
    surely = field & (frame.cut(known) >= KNOWN_SHARE)
    yield "artery", _cover(frame, artery), surely
    yield "vein", _cover(frame, vein), surely


def _cover(frame: Frame, mask: np.ndarray) -> np.ndarray:
    return np.clip(frame.cut(mask), 0, 1)


def _distance(xy: np.ndarray, size: int) -> np.ndarray:
    rows, cols = np.ogrid[:size, :size]
    distance: np.ndarray = np.hypot(rows - xy[1], cols - xy[0]).astype(np.float32)
    return distance


@lru_cache(maxsize=8)
def read_table(path: Path, column: str) -> Mapping[str, Mapping[str, str]]:
    """The rows of a CSV table by their entry in `column`.

    Raises
    ------
    ConfigError
        There is no such file or column.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        return {row[column]: row for row in rows}
    except FileNotFoundError:
        raise ConfigError(
            "there is no such table", where=str(path), remedy="mend `landmarks.table`"
        ) from None
    except KeyError:
        raise ConfigError(
            f"there is no column {column}", where=str(path), remedy="mend `landmarks`"
        ) from None
