"""Labels: read, matched to people (and eyes, and visits), every row without a partner counted."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from retquant.association.study import Exclusion
from retquant.errors import AssociationError

IDENTIFIERS = ("image_id", "participant_id", "eye", "visit")
_EYES = {"r": "OD", "right": "OD", "od": "OD", "re": "OD", "l": "OS", "left": "OS", "os": "OS", "le": "OS"}


def read_labels(path: Path | str) -> pd.DataFrame:
    """Read labels from CSV, TSV or Parquet; identifiers stay text, so that 007 keeps its zeros.

    Raises
    ------
    AssociationError
        The file is missing, empty or of another kind.
    """
    path = Path(path)
    if not path.is_file():
        raise AssociationError(
            "there is no such file", where=str(path), remedy="check the path given to --labels"
        )
    if path.suffix.lower() in (".parquet", ".pq"):
        return pd.read_parquet(path)
    separator = "\t" if path.suffix.lower() in (".tsv", ".tab") else ","
    try:
        table = pd.read_csv(path, sep=separator, dtype=dict.fromkeys(IDENTIFIERS, str), encoding="utf-8-sig")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise AssociationError(
            f"this is not a readable table ({error})",
            where=str(path),
            remedy="save it as CSV in UTF-8, one row a person",
        ) from None
    return table.rename(columns=lambda name: str(name).strip())


def join_labels(
    images: pd.DataFrame, labels: pd.DataFrame
) -> tuple[pd.DataFrame, list[Exclusion], list[str]]:
    """Give every image the labels of its person (and eye and visit, where the labels name them).

    Returns the matched images, what was left out, and notes. A key with two rows that agree is used once;
    with two rows that differ it is left out, since either choice would be a guess.

    Raises
    ------
    AssociationError
        The labels name neither people nor images, or nothing matches.
    """
    keys = _keys(images, labels)
    left, right = _as_text(images, keys), _as_text(labels, keys)
    columns = [column for column in labels.columns if column not in IDENTIFIERS]
    right = right[keys + columns]
    notes = [f"Labels were matched by {' and '.join(keys)}."]
    replaced = [column for column in columns if column in left.columns]
    if replaced:
        notes.append(f"The labels' {', '.join(replaced)} took the place of the manifest's.")
    exclusions = []
    anonymous = right[keys[0]].isna()
    if anonymous.any():
        what = f"label rows without {keys[0]}"
        exclusions.append(Exclusion(what=what, count=int(anonymous.sum()), of_images=False))
    right = right[~anonymous]
    repeats = int(right.duplicated().sum())
    if repeats:
        notes.append(f"{repeats} label rows said the same as an earlier one.")
    right = right.drop_duplicates()
    conflicting = right.duplicated(keys, keep=False)
    if conflicting.any():
        ids = tuple(right.loc[conflicting, keys[0]].drop_duplicates())
        what = f"{keys[0]}s with contradictory label rows"
        exclusions.append(Exclusion(what=what, count=len(ids), ids=ids, of_images=False))
    right = right[~conflicting]
    joined = left.drop(columns=replaced).merge(right, on=keys, how="left", indicator=True)
    joined = joined.set_axis(images.index)
    matched = joined.pop("_merge").eq("both")
    if not matched.any():
        _refuse_no_match(left[keys[0]], right[keys[0]])
    if not matched.all():
        ids = tuple(images.loc[~matched, "image_id"].astype(str))
        exclusions.append(Exclusion(what="images without a matching label row", count=len(ids), ids=ids))
    unused = sorted(set(right[keys[0]]) - set(left[keys[0]].dropna()))
    notes += _but_for_zeros(left.loc[~matched.to_numpy(), keys[0]].dropna().unique(), unused)
    if unused:
        what = f"{keys[0]}s of the labels without an image"
        exclusions.append(Exclusion(what=what, count=len(unused), ids=tuple(unused), of_images=False))
    joined = joined[matched]
    joined.attrs = dict(images.attrs)
    return joined, exclusions, notes


def _but_for_zeros(images: Iterable[str], labels: Iterable[str]) -> list[str]:
    """A note where identifiers without a partner would have one but for leading zeros: 007 is not taken for 7."""
    bare = {name.lstrip("0"): name for name in images}
    pairs = [(name, bare[name.lstrip("0")]) for name in labels if name.lstrip("0") in bare]
    if not pairs:
        return []
    return [
        f"{len(pairs)} more identifiers would match but for leading zeros, as {pairs[0][0]} in the labels and "
        f"{pairs[0][1]} in the images: write them alike."
    ]


def normal_eye(eye: pd.Series) -> pd.Series:
    """OD or OS, whatever the spelling; missing where it is neither."""
    return eye.astype("string").str.strip().str.lower().map(_EYES)


def identifier_text(column: pd.Series) -> pd.Series:
    """Identifiers as text, so that 7 and 7.0 are "7"; empty ones become missing."""
    text = column.astype("string").str.strip()
    if pd.api.types.is_float_dtype(column):
        text = text.str.replace(r"\.0$", "", regex=True)
    return text.mask(text == "")


def _keys(images: pd.DataFrame, labels: pd.DataFrame) -> list[str]:
    if "participant_id" in labels.columns and "participant_id" in images.columns:
        return ["participant_id"] + [
            k for k in ("eye", "visit") if k in labels.columns and k in images.columns
        ]
    if "image_id" in labels.columns:
        return ["image_id"]
    named = "participant_id" in labels.columns
    problem = "the images have no participant_id" if named else "there is neither participant_id nor image_id"
    raise AssociationError(
        f"{problem}; its columns are {', '.join(map(str, labels.columns[:12]))}",
        where="labels",
        remedy="name the column that identifies people participant_id, in manifest and labels",
    )


def _as_text(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    return table.assign(
        **{k: normal_eye(table[k]) if k == "eye" else identifier_text(table[k]) for k in keys}
    )


def _refuse_no_match(images: pd.Series, labels: pd.Series) -> None:
    strip = lambda column: set(column.dropna().str.lstrip("0"))  # noqa: E731
    padded = bool(strip(images) & strip(labels))
    remedy = (
        "write the identifiers alike: they differ in leading zeros"
        if padded
        else "check that both use the same identifiers"
    )
    shown = [", ".join(column.dropna().drop_duplicates().head(3)) for column in (images, labels)]
    raise AssociationError(
        f"no image matches a label row: the images have {shown[0]} …, the labels {shown[1]} …",
        where=f"labels, {images.name}",
        remedy=remedy,
    )
