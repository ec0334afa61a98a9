"""The methods paragraph of an association page, ready to paste: what was done, with versions and citations."""

from __future__ import annotations

import retquant
from retquant.association.associations import Associations
from retquant.association.models import FEWEST_EVENTS
from retquant.report.model_text import model_clause, scale_sentences


def methods(associations: Associations) -> str:
    """What was measured, related, left out and counted, in sentences that can be pasted into a paper."""
    study, versions = associations.study, associations.versions
    few = f" Biomarkers with fewer than {FEWEST_EVENTS} people with, or without, the outcome were not tested."
    has_curves = bool(associations.table["p_nonlinear"].notna().any())
    has_events = study.kind in ("binary", "survival") and study.response == "outcome"
    adjusted = f", adjusted for {_and(study.covariates)}" if study.covariates else " without covariates"
    return (
        f"Retinal biomarkers were measured with retquant {versions.get('retquant', retquant.__version__)}. "
        f"{_harmonised(associations)}Each "
        f"was related to {study.outcome} ({study.coding}) by {model_clause(study)}{adjusted}. "
        f"{study.eye_rule} {study.visit_rule} {scale_sentences(study, has_curves=has_curves)} "
        "People without the biomarker or a covariate were left out of that "
        f"biomarker's model (complete cases).{few if has_events else ''} False discovery "
        f"rates over {associations.n_tests} tests follow Benjamini and Hochberg (1995); values derived from another "
        f"biomarker and measures of picture quality are reported without one. {_looked_closer(associations)}"
        f"Computed with statsmodels {versions.get('statsmodels', '')} (Seabold and Perktold 2010), Python "
        f"{versions.get('python', '')}."
    )


def _harmonised(associations: Associations) -> str:
    found = associations.harmonisation
    if found is None:
        return ""
    kept = (
        f", keeping what {_and(found.kept)} explain{'s' if len(found.kept) == 1 else ''}"
        if found.kept
        else ""
    )
    return (
        f"They were given one mean and one spread over the {len(found.groups)} values of {found.column}{kept} "
        "(location and scale as in ComBat; Johnson, Li and Rabinovic 2007). "
    )


def _looked_closer(associations: Associations) -> str:
    closer = associations.closer
    if closer is None:
        return ""
    parts = ["Groups of the outcome are described by standardised differences (Austin 2009)."]
    if closer.effective:
        parts.append(
            f"By their correlations the biomarkers amount to {closer.effective:.1f} independent tests (Galwey 2009)."
        )
    if any(not curve.reason for curve in closer.doses):
        parts.append(
            "Dose-response curves of the strongest associations are natural cubic splines of 3 degrees of freedom "
            "(Wood 2006)."
        )
    if closer.errors["corrected"].notna().any():
        source = "repeat pictures" if "repeats" in set(closer.errors["design"]) else "the two eyes of people"
        moderate = "" if associations.study.kind == "continuous" else "; Rosner, Willett and Spiegelman 1989"
        parts.append(
            f"Effects were corrected for classical measurement error, estimated from {source} (Carroll et al. 2006"
            f"{moderate})."
        )
    if closer.prediction is not None and not closer.prediction.reason:
        parts.append(
            "As an exploratory check the outcome was predicted by ridge regression (Hoerl and Kennard 1970) in five "
            "folds of people, with the penalty chosen within the other folds."
        )
    return "".join(f"{part} " for part in parts)


def _and(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
