"""The result of an association analysis: one row a biomarker, with what was analysed and on whom."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from retquant.association.closer_look import CloserLook
from retquant.association.harmonisation import Harmonisation
from retquant.association.study import Study
from retquant.manifest.formulas import neutral_table

COLUMNS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "biomarker": ("string", "column of the biomarkers table"),
        "role": (
            "string",
            "biomarker counts among the tests; derived (from another biomarker) and quality do not",
        ),
        "derived_from": ("string", "biomarker that determines this one"),
        "unit": ("string", "of the biomarker, UCUM"),
        "outcome": ("string", "column of the labels, or column=value"),
        "kind": ("string", "binary, continuous, ordinal, count or survival (time to event)"),
        "model": ("string", "that gave the estimate"),
        "response": ("string", "what the model explains: the outcome, or the biomarker by the outcome"),
        "transform": (
            "string",
            "of the biomarker over the rows of the analysis: none, zscore, log, rank or winsor",
        ),
        "n_people": ("int64", "people in this row's analysis"),
        "n_eyes": ("int64", "eyes of these people in which the biomarker was measured"),
        "n_events": ("Int64", "rows (people, or eyes) with the event; null where the outcome is no event"),
        "effect": (
            "float64",
            "per standard deviation of the (transformed) biomarker: log odds, rate or hazard ratio, or difference "
            "in the outcome; where the biomarker is the response, difference in its standard deviations: with the "
            "event, per grade, or per standard deviation of the outcome",
        ),
        "standard_error": ("float64", "of effect"),
        "ci_low": ("float64", "of effect, 95 %"),
        "ci_high": ("float64", "of effect, 95 %"),
        "p": ("float64", "two-sided"),
        "q": ("float64", "false discovery rate (Benjamini-Hochberg) among rows of role biomarker"),
        "effect_per_unit": (
            "float64",
            "effect per unit of the biomarker, or in its unit where it is the response; null where it was transformed "
            "other than by pulling in outliers",
        ),
        "sd": ("float64", "standard deviation of the (transformed) biomarker over people"),
        "ratio": ("float64", "exp(effect): odds, rate or hazard ratio; null for a continuous outcome"),
        "ratio_low": ("float64", "exp(ci_low)"),
        "ratio_high": ("float64", "exp(ci_high)"),
        "e_value": (
            "float64",
            "risk ratio that a confounder needs to explain the ratio away (VanderWeele 2017)",
        ),
        "e_value_ci": ("float64", "the same for the end of the interval nearer to 1; 1 where it holds 1"),
        "detectable_effect": (
            "float64",
            "least effect that 80 of 100 such studies find at p < 0.05, as effect",
        ),
        "p_nonlinear": (
            "float64",
            "that the effect is a straight line, against natural splines (Wald); null where not tested",
        ),
        "p_proportional": (
            "float64",
            "that the hazard ratio does not change with time (Grambsch and Therneau 1994); of time to event, a row a "
            "person",
        ),
        "p_interaction": ("float64", "that the effect is the same at all levels of the interaction (Wald)"),
        "q_strata": ("float64", "Cochran's Q of the effects of the strata, each fitted alone"),
        "p_strata": ("float64", "that the strata have one effect, from q_strata"),
        "p_sites": ("float64", "that the sites have one effect (Cochran's Q), of a meta-analysis of sites"),
        "i2_sites": ("float64", "share of the variation between sites that is not chance, 0 to 1"),
        "tau2_sites": ("float64", "variance of the effect between sites (DerSimonian and Laird 1986)"),
        "partial_r": (
            "float64",
            "partial correlation (Pearson) given the covariates; of continuous outcomes, a row a person",
        ),
        "partial_r_low": ("float64", "of partial_r, 95 %"),
        "partial_r_high": ("float64", "of partial_r, 95 %"),
        "partial_rho": ("float64", "partial rank correlation (Spearman) given the covariates"),
        "partial_rho_low": ("float64", "of partial_rho, 95 %"),
        "partial_rho_high": ("float64", "of partial_rho, 95 %"),
        "reason": ("string", "why there is no estimate; null where there is one"),
        "note": ("string", "what to know about this estimate"),
    }
)
"""Columns of the table: pandas type and meaning."""

SCHEMA_VERSION = "3"

RATIOS: Mapping[str, str] = MappingProxyType(
    {
        "binary": "odds ratio",
        "ordinal": "odds ratio of a higher grade",
        "count": "rate ratio",
        "survival": "hazard ratio",
    }
)
"""What exp(effect) is, by kind of outcome; a continuous outcome has none."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Associations:
    """One outcome against many biomarkers."""

    table: pd.DataFrame  # columns of COLUMNS, by p
    study: Study
    definitions: Mapping[str, str] = field(default_factory=dict)  # biomarker -> one sentence
    missing: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # biomarker -> reason -> images
    versions: Mapping[str, str] = field(default_factory=dict)
    families: int = 1  # of tests, over each of which the false discovery rate is taken
    reruns: pd.DataFrame | None = None  # columns of robustness.COLUMNS
    selection: pd.DataFrame | None = None  # columns of selection.COLUMNS
    levels: pd.DataFrame | None = None  # columns of levels.COLUMNS; empty where no groups were asked for
    harmonisation: Harmonisation | None = None  # None where nothing was made alike
    closer: CloserLook | None = None  # None where only the table is known

    @property
    def n_tests(self) -> int:
        """How many p-values the false discovery rate is taken over."""
        return int(self.table["q"].notna().sum())

    @property
    def headline(self) -> str:
        """The analysis in one sentence."""
        study = self.study
        events = "" if study.n_events is None else f", {study.n_events:,} {study.row_unit} with the outcome"
        adjusted = f"adjusted for {', '.join(study.covariates)}" if study.covariates else "without covariates"
        return (
            f"{self.n_tests:,} biomarkers were tested against the {study.kind} outcome {study.outcome} "
            f"in {study.n_people:,} people ({study.n_eyes:,} eyes{events}), {adjusted}."
        )

    def top(self, count: int) -> list[str]:
        """The `count` biomarkers of least p that count as tests, a line each."""
        lines = []
        for row in self.table[self.table["q"].notna()].head(count).itertuples():
            effect = f"{row.effect:.3g} ({row.ci_low:.3g} to {row.ci_high:.3g}) per SD"
            if row.ratio == row.ratio:
                bounds = f"{row.ratio_low:.2f} to {row.ratio_high:.2f}"
                effect = f"{RATIOS[row.kind]} {row.ratio:.2f} ({bounds}) per SD"
            lines.append(f"{row.biomarker}: {effect}, p {row.p:.2g}, q {row.q:.2g}, n {row.n_people:,}")
        return lines

    def to_parquet(self, path: str | Path) -> Path:
        """Write the table (zstd), with each column's meaning and the whole study in its metadata."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = Path(path)
        arrow = pa.Table.from_pandas(self.table, preserve_index=False)
        fields = [column.with_metadata({"description": COLUMNS[column.name][1]}) for column in arrow.schema]
        about = {
            "retquant.schema": f"associations/{SCHEMA_VERSION}",
            "retquant.study": json.dumps(asdict(self.study)),
            "retquant.versions": json.dumps(dict(self.versions)),
        }
        metadata = {
            **(arrow.schema.metadata or {}),
            **{key.encode(): value.encode() for key, value in about.items()},
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.tmp")
        pq.write_table(arrow.cast(pa.schema(fields, metadata=metadata)), aside, compression="zstd")
        aside.replace(path)
        return path

    def write_levels(self, path: str | Path) -> Path | None:
        """Write effects at the levels of an interaction, in strata and at sites as CSV; None where there are none."""
        if self.levels is None or self.levels.empty:
            return None
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.tmp")
        neutral_table(self.levels).to_csv(aside, index=False)
        aside.replace(path)
        return path

    def report(self, path: str | Path) -> Path:
        """Write one self-contained HTML page about the analysis."""
        # the page lies to the right of this stage, so it is looked up when asked for and never imported here
        page = importlib.import_module("retquant.report.association_page")
        return page.write_page(self, Path(path))
