"""Literature that a methods paragraph names, in full, so that it can be pasted with its references."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

CITATIONS: Mapping[str, str] = MappingProxyType(
    {
        "Austin 2009": "Austin PC. Balance diagnostics for comparing the distribution of baseline covariates between "
        "treatment groups in propensity-score matched samples. Statistics in Medicine 2009;28:3083-3107.",
        "Benjamini and Hochberg 1995": "Benjamini Y, Hochberg Y. Controlling the false discovery rate: a practical and "
        "powerful approach to multiple testing. Journal of the Royal Statistical Society B 1995;57:289-300.",
        "Binder 1983": "Binder DA. On the variances of asymptotically normal estimators from complex surveys. "
        "International Statistical Review 1983;51:279-292.",
        "Carroll et al. 2006": "Carroll RJ, Ruppert D, Stefanski LA, Crainiceanu CM. Measurement Error in Nonlinear "
        "Models: A Modern Perspective. 2nd edition. Chapman & Hall/CRC 2006.",
        "Cox 1972": "Cox DR. Regression models and life-tables. Journal of the Royal Statistical Society B "
        "1972;34:187-220.",
        "DerSimonian and Laird 1986": "DerSimonian R, Laird N. Meta-analysis in clinical trials. Controlled Clinical "
        "Trials 1986;7:177-188.",
        "Firth 1993": "Firth D. Bias reduction of maximum likelihood estimates. Biometrika 1993;80:27-38.",
        "Galwey 2009": "Galwey NW. A new measure of the effective number of tests, a practical tool for comparing "
        "families of non-independent significance tests. Genetic Epidemiology 2009;33:559-568.",
        "Heinze and Schemper 2002": "Heinze G, Schemper M. A solution to the problem of separation in logistic "
        "regression. Statistics in Medicine 2002;21:2409-2419.",
        "Hoerl and Kennard 1970": "Hoerl AE, Kennard RW. Ridge regression: biased estimation for nonorthogonal "
        "problems. Technometrics 1970;12:55-67.",
        "Johnson, Li and Rabinovic 2007": "Johnson WE, Li C, Rabinovic A. Adjusting batch effects in microarray "
        "expression data using empirical Bayes methods. Biostatistics 2007;8:118-127.",
        "Laird and Ware 1982": "Laird NM, Ware JH. Random-effects models for longitudinal data. Biometrics "
        "1982;38:963-974.",
        "Liang and Zeger 1986": "Liang KY, Zeger SL. Longitudinal data analysis using generalized linear models. "
        "Biometrika 1986;73:13-22.",
        "MacKinnon and White 1985": "MacKinnon JG, White H. Some heteroskedasticity-consistent covariance matrix "
        "estimators with improved finite sample properties. Journal of Econometrics 1985;29:305-325.",
        "McCullagh 1980": "McCullagh P. Regression models for ordinal data. Journal of the Royal Statistical Society B "
        "1980;42:109-142.",
        "Rosner, Willett and Spiegelman 1989": "Rosner B, Willett WC, Spiegelman D. Correction of logistic regression "
        "relative risk estimates and confidence intervals for systematic within-person measurement error. Statistics "
        "in Medicine 1989;8:1051-1069.",
        "Seabold and Perktold 2010": "Seabold S, Perktold J. statsmodels: econometric and statistical modeling with "
        "Python. Proceedings of the 9th Python in Science Conference 2010:92-96.",
        "Wood 2006": "Wood SN. Generalized Additive Models: An Introduction with R. Chapman & Hall/CRC 2006.",
    }
)
"""As named in a sentence -> in full."""

_NAMED = re.compile(
    r"(?:[A-Z]\w+(?:, [A-Z]\w+)* and [A-Z]\w+|[A-Z]\w+ et al\.|[A-Z]\w+) \(?(?:18|19|20)\d\d(?=[);,. ])"
)


def named_in(text: str) -> list[str]:
    """Author and year of every work that a text names, as keys of `CITATIONS` have them, in their order."""
    found = (match.group().replace("(", "") for match in _NAMED.finditer(text))
    return list(dict.fromkeys(found))


def references_of(text: str) -> list[str]:
    """The works that a text names, in full and in alphabetical order."""
    return sorted(CITATIONS[name] for name in named_in(text) if name in CITATIONS)
