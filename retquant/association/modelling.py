"""How each pair is modelled, beyond outcome and covariates: what `retquant associate` and a plan can ask for."""

from __future__ import annotations

from dataclasses import dataclass, replace

from retquant.association.transforms import TRANSFORMS
from retquant.errors import AssociationError

MODELS = ("auto", "clustered", "gee", "mixed")
SITE_AS = ("fixed", "random", "meta")
RESPONSES = ("outcome", "biomarker")
_GENERALISED = ("continuous", "binary", "count")


@dataclass(frozen=True, slots=True, kw_only=True)
class Modelling:
    """What the models are beyond outcome and covariates.

    Raises
    ------
    AssociationError
        A setting is none of those there are, or two do not go together.
    """

    model: str = "auto"  # of a person's rows: clustered variance, GEE, or random intercept
    response: str = "outcome"  # what is explained; the biomarker by the outcome where it is "biomarker"
    transform: str = "none"  # of the biomarkers, over the rows of the analysis
    interaction: str | None = None  # column that may change the effect
    strata: str | None = None  # column whose groups are also analysed each alone
    site: str | None = None
    site_as: str = "fixed"  # indicators, a random intercept, or a meta-analysis of sites
    weights: str | None = None  # column of weights, of a survey or one over the chance of being in the study
    splines: int = (
        0  # degrees of freedom of natural splines that linear effects are tested against; 0: not tested
    )

    def __post_init__(self) -> None:
        for name, given, allowed in (
            ("model", self.model, MODELS),
            ("response", self.response, RESPONSES),
            ("transform", self.transform, tuple(TRANSFORMS)),
            ("site_as", self.site_as, SITE_AS),
        ):
            if given not in allowed:
                raise AssociationError(
                    f"{given!r} is none of {', '.join(allowed)}",
                    where=name,
                    remedy=f"{name} = {allowed[0]!r} is what is done unless asked otherwise",
                )
        if self.splines != 0 and not 2 <= self.splines <= 8:
            raise AssociationError(
                f"natural splines of {self.splines} degrees of freedom are no test of a straight line",
                where="splines",
                remedy="choose 3, 2 to 8, or 0 for none",
            )
        if self.site is None and self.site_as != "fixed":
            raise AssociationError("there is no site", where="site_as", remedy="give --site COLUMN too")
        if self.weights is not None and (self.model in ("gee", "mixed") or self.is_random_site):
            raise AssociationError(
                "weights go with least squares, logistic and Poisson regression, whose sandwich variance they need",
                where="weights",
                remedy="leave the model as it is (auto or clustered), and sites fixed or meta",
            )
        if self.is_random_site and self.model != "auto":
            raise AssociationError(
                "one random intercept, of the site or of the person, is what a model has",
                where="site_as",
                remedy="take the site as fixed or meta beside model gee or mixed",
            )

    @property
    def is_random_site(self) -> bool:
        """Whether sites are a random intercept."""
        return self.site is not None and self.site_as == "random"

    @property
    def alone(self) -> Modelling:
        """The same model without what is asked beside the effect, for analyses of parts; sites are indicators."""
        return replace(self, interaction=None, strata=None, splines=0, site_as="fixed")

    @property
    def prefers_eyes(self) -> bool:
        """Whether the model asked for is one of several rows a person."""
        return self.model != "auto" or self.response == "biomarker"

    @property
    def groups(self) -> dict[str, bool]:
        """Columns that part people, and whether each may be a measurement: what interacts may, a site may not."""
        columns = {self.interaction: True, self.strata: False, self.site: False}
        return {name: may for name, may in columns.items() if name is not None}

    @property
    def extra_covariates(self) -> tuple[str, ...]:
        """Columns that are adjusted for because of what is asked."""
        site = self.site if self.site_as == "fixed" else None
        return tuple(dict.fromkeys(filter(None, (self.interaction, site))))

    def require_kind(self, kind: str) -> None:
        """Raise where there is no such model for an outcome of this kind."""
        if self.response == "biomarker":
            if kind == "survival":
                raise AssociationError(
                    "a time to event cannot explain a biomarker",
                    where="response=biomarker",
                    remedy="take the event alone as outcome, without --time",
                )
            return
        refusals = (
            (self.model == "mixed", ("continuous",), "model=mixed", "use model=gee, or response=biomarker"),
            (self.model == "gee", _GENERALISED, "model=gee", "use model=clustered"),
            (self.weights is not None, _GENERALISED, "weights", "leave them out for this outcome"),
            (self.is_random_site, ("continuous",), "site_as=random", "use site_as=fixed or meta"),
        )
        for asked, kinds, where, remedy in refusals:
            if asked and kind not in kinds:
                raise AssociationError(
                    f"it is there for outcomes that are {_or(kinds)}, and this one is {kind}",
                    where=where,
                    remedy=remedy,
                )

    def require_rows(self, *, is_clustered: bool, is_person_level: bool) -> None:
        """Raise where rows cannot bear the model: see `study.ROW_UNITS` and whether the outcome is the person's."""
        if self.model != "auto" and not is_clustered:
            raise AssociationError(
                "a person has one row, so nothing repeats within people",
                where=f"model={self.model}",
                remedy="use eyes=both (or visits=all), or leave the model as it is",
            )
        if self.is_random_site and is_clustered:
            raise AssociationError(
                "a person has several rows, which a random intercept of the site does not tell apart",
                where="site_as=random",
                remedy="use eyes=mean, or site_as=fixed or meta",
            )
        if self.model == "mixed" and self.response == "outcome" and is_person_level:
            raise AssociationError(
                "the outcome never differs within a person, so there is no variance within people to model",
                where="model=mixed",
                remedy="use model=gee, or response=biomarker: the biomarker of each eye by the person's outcome",
            )


def _or(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
