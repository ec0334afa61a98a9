"""How file names tell of people, eyes and visits: patterns that a user writes, and ready ones for known layouts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from retquant.errors import ConfigError
from retquant.manifest.columns import EYES, reserved

DICOM_ENDINGS = (".dcm", ".dicom")
IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".ppm", ".pgm", ".bmp", *DICOM_ENDINGS)
"""Of files that may be images; GIF is left out, since people keep masks in it."""

Columns = Mapping[str, str]
"""Column of the manifest -> value, for one image."""

_FIELD = re.compile(r"\{([^{}]*)\}")
_EYE = "|".join(sorted(EYES, key=len, reverse=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A rule that reads the columns of a row out of an image's path."""

    name: str
    read: Callable[
        [str], Columns | None
    ]  # relative path with "/" -> columns, or None where it is not understood
    other_folders: frozenset[str] = field(
        default_factory=frozenset
    )  # lower case: they hold masks, not images
    masks: Callable[[str], Mapping[str, str]] = (
        lambda _: {}
    )  # relative path -> mask column -> relative path, if it exists


def written_pattern(text: str) -> Pattern:
    """A pattern such as `{participant_id}_{eye}`, matched against the path without its ending.

    `{eye}` matches every usual spelling, `{}` skips anything, `{column}` takes anything but a slash. Without a slash
    the pattern is matched against the file's name alone, with one against the end of its path.

    Raises
    ------
    ConfigError
        The pattern names no column, or one twice, or one that no name can hold.
    """
    names = [name.strip() for name in _FIELD.findall(text)]
    named = [name for name in names if name]
    where = f"--pattern {text!r}"
    text = re.sub(rf"({'|'.join(map(re.escape, IMAGE_ENDINGS))})$", "", text, flags=re.IGNORECASE)
    if not named or re.search(r"[{}]", _FIELD.sub("", text)):
        raise ConfigError(
            "this is no pattern: it names no column in braces",
            where=where,
            remedy="--pattern '{participant_id}_{eye}'",
        )
    for name in named:
        column = reserved(name)
        if (
            named.count(name) > 1
            or (column is not None and column.kind == "path")
            or not re.match(r"^\w+$", name)
        ):
            problem = "stands twice" if named.count(name) > 1 else "is no column that a name can hold"
            raise ConfigError(
                f"{{{name}}} {problem}", where=where, remedy="--pattern '{participant_id}_{eye}'"
            )
    groups = {f"c{index}": name for index, name in enumerate(named)}
    expression = re.compile(rf"(?:^|/){_expression(text)}$", re.IGNORECASE)

    def read(path: str) -> Columns | None:
        match = expression.search(_stem(path))
        return None if match is None else {groups[group]: value for group, value in match.groupdict().items()}

    return Pattern(name=text, read=lambda path: _with_standard_eye(read(path)))


def _expression(text: str) -> str:
    parts, index, end = [], 0, 0
    for found in _FIELD.finditer(text):
        parts.append(re.escape(text[end : found.start()].replace("\\", "/")))
        name = found.group(1).strip()
        body = _EYE if name == "eye" else "[^/]+?"
        parts.append(f"(?P<c{index}>{body})" if name else "[^/]*?")
        index += bool(name)
        end = found.end()
    return "".join([*parts, re.escape(text[end:].replace("\\", "/"))])


def _with_standard_eye(columns: Columns | None) -> Columns | None:
    if columns is None or "eye" not in columns:
        return columns
    return {**columns, "eye": EYES[columns["eye"].lower()]}


def _stem(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{name.rpartition('.')[0] or name}"


def _by(expression: str) -> Callable[[str], Columns | None]:
    """Columns out of the named groups of an expression that the path without its ending must end in."""
    compiled = re.compile(rf"(?:^|/){expression}$", re.IGNORECASE)

    def read(path: str) -> Columns | None:
        match = compiled.search(_stem(path))
        return None if match is None else _with_standard_eye(match.groupdict())

    return read


_UKB = re.compile(r"(?:^|/)(?P<eid>\d{7})_(?P<field>21015|21016)_(?P<visit>\d+)_(?P<array>\d+)$")
_UKB_EYES = {"21015": "OS", "21016": "OD"}


def _read_ukb(path: str) -> Columns | None:
    """Field 21015 is the left eye, 21016 the right; the instance is the visit, the array tells repeats apart."""
    match = _UKB.search(_stem(path))
    if match is None:
        return None
    return {"participant_id": match["eid"], "eye": _UKB_EYES[match["field"]], "visit": match["visit"]}


def _drive_masks(path: str) -> Mapping[str, str]:
    """DRIVE keeps the mask of the field of view of images/21_training.tif in mask/21_training_mask.gif."""
    stem = _stem(path)
    folder, _, name = stem.rpartition("/")
    return {"fov_mask": f"{folder.rpartition('images')[0]}mask/{name}_mask.gif"}


DRIVE_FOLDERS = frozenset({"1st_manual", "2nd_manual", "mask", "masks", "av", "vessels", "label", "labels"})
IDRID_FOLDERS = frozenset(
    {
        "ma",
        "he",
        "ex",
        "se",
        "od",
        "2. all segmentation groundtruths",
        "2. groundtruths",
        "masks",
        "label",
        "labels",
    }
)

READY: Mapping[str, Pattern] = {
    "drive": Pattern(
        name="drive",
        read=_by(r"(?:images/)?(?P<participant_id>\d{2})_(?:training|test)"),
        other_folders=DRIVE_FOLDERS,
        masks=_drive_masks,
    ),
    "idrid": Pattern(name="idrid", read=_by(r"IDRiD_\d{2,4}"), other_folders=IDRID_FOLDERS),
    "odir": Pattern(name="odir", read=_by(r"(?P<participant_id>\d+)_(?P<eye>left|right)")),
    "ukb": Pattern(name="ukb", read=_read_ukb),
}
"""Layouts that are known by name, in the order in which they are tried."""
