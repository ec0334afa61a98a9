"""The table of reliability: one row a biomarker and design, with what each figure means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from retquant.association.catalogue import Tested, choose_biomarkers
from retquant.association.reliability.agreement import agreements
from retquant.association.reliability.pairs import Pairs, repeats, two_eyes, two_methods
from retquant.association.results import read_results
from retquant.errors import AssociationError
from retquant.manifest.formulas import neutral_table

_GOOD = 0.75  # "good" by Koo and Li, J Chiropr Med 2016;15:155

COLUMNS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "biomarker": ("string", "column of the biomarkers table"),
        "design": ("string", "repeats of an eye, the two eyes of a person, or two methods on one picture"),
        "role": ("string", "biomarker, derived from another biomarker, or quality of the picture"),
        "unit": ("string", "of the biomarker, UCUM"),
        "n": ("int64", "subjects with both values"),
        "people": ("int64", "people behind them"),
        "mean": ("float64", "of all values"),
        "sd_between": ("float64", "standard deviation between subjects, without measurement error"),
        "agreement": ("float64", "ICC(A,1): a systematic difference counts against it"),
        "agreement_low": ("float64", "95 % interval"),
        "agreement_high": ("float64", "95 % interval"),
        "consistency": ("float64", "ICC(C,1): a systematic difference does not count"),
        "consistency_low": ("float64", "95 % interval"),
        "consistency_high": ("float64", "95 % interval"),
        "difference": ("float64", "mean of second minus first"),
        "limit_low": ("float64", "lower 95 % limit of agreement (Bland and Altman)"),
        "limit_high": ("float64", "upper 95 % limit of agreement"),
        "within_sd": ("float64", "standard deviation of repeated measurements of one subject"),
        "minimum_detectable_change": ("float64", "a change of one subject below this may be noise (95 %)"),
        "noise_ratio": ("float64", "variance within subjects over variance between them"),
        "attenuation_one": ("float64", "share of an effect that is left when one value stands for a subject"),
        "attenuation_two": ("float64", "share that is left when the mean of two values does"),
    }
)
"""Columns of the table: pandas type and meaning."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Reliability:
    """How well measurements of one subject agree."""

    table: pd.DataFrame  # columns of COLUMNS
    pairs: tuple[Pairs, ...]
    biomarkers: tuple[str, ...]  # columns of each pair's values
    source: str

    @property
    def headline(self) -> str:
        """What was compared, in one sentence a design."""
        parts = [f"{pairs.rule.rstrip('.')}: {len(pairs.first):,} pairs" for pairs in self.pairs]
        return "; ".join(parts) + "."

    def middle(self) -> list[str]:
        """A line a design: the median ICC(A,1) and how many biomarkers reach 0.75, of those that count as tests."""
        lines = []
        for design, rows in self.table[self.table["role"] == "biomarker"].groupby("design", sort=False):
            known = rows["agreement"].dropna()
            if len(known):
                good = int((known >= _GOOD).sum())
                lines.append(
                    f"{design}: median ICC(A,1) {known.median():.2f} over {len(known)} biomarkers, "
                    f"{good} with {_GOOD} or more"
                )
        return lines

    def to_csv(self, path: Path) -> Path:
        """Write the table (aside first, then renamed)."""
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.tmp")
        neutral_table(self.table).to_csv(aside, index=False)
        aside.replace(path)
        return path


def reliability(
    results: Path | str | pd.DataFrame,
    *,
    against: Path | str | pd.DataFrame | None = None,
    biomarkers: Sequence[str] = ("*",),
    gate: bool = False,
) -> Reliability:
    """Agreement of repeat pictures and of the two eyes in a run, and with the same pictures in a second run.

    Parameters
    ----------
    results : Path or DataFrame
        Output folder of a cohort run, or what `load_biomarkers` returns.
    against : Path or DataFrame, optional
        A second run of the same pictures, by another method.
    biomarkers : sequence of str
        Glob patterns over column names.
    gate : bool
        Leave out values of pictures whose quality is below what the biomarker needs.

    Raises
    ------
    AssociationError
        Nothing can be paired: no eye has two pictures, no person two eyes, and there is no second run.
    """
    found = read_results(results, gate=gate)
    tested = choose_biomarkers(found.images, biomarkers)
    names = [biomarker.name for biomarker in tested]
    designs = [repeats(found.images, names), two_eyes(found.images, names)]
    if against is not None:
        other = read_results(against, gate=gate)
        shared = [name for name in names if name in other.images.columns]
        images = other.images.reindex(columns=["image_id", *names])
        if not shared:
            raise AssociationError(
                "the two runs have no biomarker in common",
                where=other.source,
                remedy="compare runs of one modality",
            )
        designs.append(two_methods(found.images, images, names, names=(found.source, other.source)))
    designs = [pairs for pairs in designs if len(pairs.first)]
    if not designs:
        raise AssociationError(
            "no eye was pictured twice at a visit and no person has two eyes, so there is nothing to compare",
            where=found.source,
            remedy="name participant_id and eye in the manifest, or give a second run with --against",
        )
    table = pd.concat([_rows(pairs, tested) for pairs in designs], ignore_index=True)
    table = table[list(COLUMNS)].astype({name: dtype for name, (dtype, _) in COLUMNS.items()})
    return Reliability(table=table, pairs=tuple(designs), biomarkers=tuple(names), source=found.source)


def _rows(pairs: Pairs, tested: Sequence[Tested]) -> pd.DataFrame:
    ratings = np.stack([pairs.first, pairs.second], axis=-1).transpose(1, 0, 2)  # (M, N, 2)
    several = len(np.unique(pairs.person)) < len(pairs.person)
    found = agreements(ratings, pairs.person if several else None)
    records = []
    for biomarker, values, result in zip(tested, ratings, found, strict=True):
        both = values[np.isfinite(values).all(axis=1)]
        noise = result.noise_ratio
        between = result.within_sd / noise**0.5 if noise > 0 and np.isfinite(noise) else np.nan
        if noise == 0:
            between = float(both.mean(axis=1).std(ddof=1))
        figures = asdict(result)
        records.append(
            {
                **figures,
                "biomarker": biomarker.name,
                "design": pairs.design,
                "role": biomarker.role,
                "unit": biomarker.unit,
                "people": len(np.unique(pairs.person[np.isfinite(values).all(axis=1)])),
                "mean": float(both.mean()) if len(both) else np.nan,
                "sd_between": between,
                "agreement_low": figures["low"],
                "agreement_high": figures["high"],
                "attenuation_one": 1 / (1 + noise),
                "attenuation_two": 1 / (1 + noise / 2),
            }
        )
    return pd.DataFrame.from_records(records)
