"""Whether the packages that retquant needs are installed, in versions that it works with."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement

import retquant
from retquant.doctor.finding import Finding, fault, fine, note


def check_python() -> Iterator[Finding]:
    """The interpreter; retquant would not have been installed for one that is too old."""
    major, minor, micro = sys.version_info[:3]
    yield fine("retquant", f"{retquant.__version__} on Python {major}.{minor}.{micro}")


def check_packages(needed: Sequence[str] | None = None) -> Iterator[Finding]:
    """Required packages, and which extras are complete; `needed` are requirements, by default those of retquant."""
    if needed is None:
        try:
            needed = requires("retquant") or ()
        except PackageNotFoundError:
            yield note(
                "packages",
                "retquant runs from a folder and is not installed, so what it needs is not known",
                "pip install . in that folder",
            )
            return
    wanted = [Requirement(line) for line in needed]
    core = [one for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})]
    wrong = [(one, problem) for one in core if (problem := problem_of(one))]
    for one, problem in wrong:
        yield fault("packages", f"{one.name} {problem}", f"pip install '{one.name}{one.specifier}'")
    if not wrong:
        yield fine("packages", f"all {len(core)} that are required are there")
    yield from _extras(wanted)


def problem_of(requirement: Requirement) -> str:
    """What is wrong with an installed package; empty where nothing is."""
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return "is not installed"
    if requirement.specifier.contains(found, prereleases=True):
        return ""
    return f"is {found}, and {requirement.specifier} is needed"


def _extras(wanted: Sequence[Requirement]) -> Iterator[Finding]:
    """Which optional abilities there are; none is missed by a run that does not ask for it."""
    of_extra: dict[str, list[Requirement]] = {}
    for one in wanted:
        for quote in ("'", '"'):
            name = str(one.marker or "").partition(f"extra == {quote}")[2].partition(quote)[0]
            if name and name != "test":
                of_extra.setdefault(name, []).append(one)
    there = [name for name, parts in of_extra.items() if not any(map(problem_of, parts))]
    absent = [name for name in of_extra if name not in there]
    if there:
        yield fine("extras", f"installed: {', '.join(sorted(there))}")
    if absent:
        yield fine("extras", f"not installed: {', '.join(sorted(absent))} (pip install 'retquant[NAME]')")
