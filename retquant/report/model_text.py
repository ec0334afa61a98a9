"""What the methods paragraph says of the models: one clause for every kind of outcome and way of treating its rows."""

from __future__ import annotations

from retquant.association.associations import RATIOS
from retquant.association.models import EVENTS_PER_PARAMETER
from retquant.association.study import Study

_OF_PEOPLE = {
    "continuous": "ordinary least squares with HC3 standard errors (MacKinnon and White 1985)",
    "binary": (
        f"logistic regression (Wald intervals); where there were fewer than {EVENTS_PER_PARAMETER} events per "
        "parameter, or under separation, by Firth's penalised likelihood with profile intervals (Firth 1993; Heinze "
        "and Schemper 2002)"
    ),
    "ordinal": "proportional odds regression (McCullagh 1980)",
    "count": "Poisson regression, negative binomial where the variance exceeded the mean's",
    "survival": "proportional hazards regression (Cox 1972; ties by Efron's rule)",
}
_REGRESSION = {
    "continuous": "ordinary least squares",
    "binary": "logistic regression",
    "ordinal": "proportional odds regression",
    "count": "Poisson regression",
    "survival": "proportional hazards regression",
}


def model_clause(study: Study) -> str:
    """How each biomarker was related to the outcome."""
    kind = "continuous" if study.response == "biomarker" else study.kind
    asked = study.modelling
    if asked.model == "mixed":
        clause = "a linear mixed model with a random intercept for each person (Laird and Ware 1982)"
    elif asked.model == "gee":
        how = "generalised estimating equations, exchangeable within people (Liang and Zeger 1986)"
        clause = f"{_REGRESSION[kind]} by {how}"
    elif asked.is_random_site:
        clause = f"a linear mixed model with a random intercept for each {asked.site}"
    elif asked.weights is not None:
        errors = "clustered by person" if study.is_clustered else "from the sandwich"
        clause = (
            f"{_REGRESSION[kind]} weighted by {asked.weights}, with standard errors {errors} (Binder 1983)"
        )
    elif study.is_clustered:
        clause = f"{_REGRESSION[kind]} with standard errors clustered by person"
    else:
        clause = _OF_PEOPLE[kind]
    if asked.site is not None and asked.site_as == "meta":
        clause += f", within each {asked.site}, and brought together with random effects (DerSimonian and Laird 1986)"
    return clause


def scale_sentences(study: Study, *, has_curves: bool) -> str:
    """What effects are counted in, and what else was tested of each pair."""
    asked, parts = study.modelling, []
    changed = {
        "log": "logarithm of the ",
        "rank": "rank-based inverse normal of the ",
        "winsor": "winsorised (1st and 99th percentile) ",
    }.get(asked.transform, "")
    if study.response == "biomarker":
        parts.append(
            f"Effects are differences in the {changed}biomarker, in its standard deviations over people"
        )
    else:
        parts.append(f"Effects are per standard deviation of the {changed}biomarker over people")
    parts[0] += ", with 95 % confidence intervals."
    if has_curves:
        parts.append(
            f"Straight lines were tested against natural cubic splines of {asked.splines} degrees of freedom (Wald)."
        )
    if asked.interaction is not None:
        parts.append(f"Interactions with {asked.interaction} were tested by Wald's test of the products.")
    if asked.strata is not None:
        parts.append(f"Groups of {asked.strata} were also analysed each alone and compared by Cochran's Q.")
    return " ".join(parts)


def effect_name(study: Study) -> str:
    """What the effect's axis measures."""
    if study.response == "biomarker":
        per = {
            "binary": f"with {study.outcome}",
            "ordinal": f"per grade of {study.outcome}",
        }.get(study.kind, f"per standard deviation of {study.outcome}")
        return f"difference in the biomarker {per}, in standard deviations"
    ratio = RATIOS.get(study.kind, "")
    named = f"{ratio} ({study.outcome})" if study.kind == "ordinal" else f"{ratio} of {study.outcome}"
    return f"{named if ratio else f'difference in {study.outcome}'} per standard deviation of the biomarker"
