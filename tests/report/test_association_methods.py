"""The methods paragraph names what was done, works that it names stand in full, and names lead to definitions."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from retquant.association import Associations, associate
from retquant.biomarkers import BIOMARKERS
from retquant.report import methods as methods_module
from retquant.report import model_text
from retquant.report.citations import CITATIONS, named_in, references_of
from retquant.report.definitions import definition_entries
from retquant.report.methods import methods

HOSTILE = "<b onclick=alert(1)>odd</b>"


def names_of_catalogue(count: int) -> list[str]:
    own = (
        name for name, column in BIOMARKERS.items() if "cfp" in column.modalities and not column.derived_from
    )
    return [name for _, name in zip(range(count), own, strict=False)]


def study(biomarkers: int, people: int = 240) -> pd.DataFrame:
    """Real names of biomarkers over made values; two sites, some values missing, a hostile column among them."""
    random = np.random.default_rng(9)
    person = np.repeat(np.arange(people), 2)
    names = [*names_of_catalogue(biomarkers - 1), HOSTILE]
    shared = random.normal(size=(people, len(names))) + random.normal(size=(people, 1))
    frame = pd.DataFrame(shared[person] + 0.7 * random.normal(size=(2 * people, len(names))), columns=names)
    frame = frame.mask(random.random(frame.shape) < 0.03).copy()
    frame["image_id"] = [f"i{n}" for n in range(2 * people)]
    frame["participant_id"] = [f"p{n}" for n in person]
    frame["eye"] = ["OD", "OS"] * people
    frame["age"] = random.normal(60, 8, people)[person]
    frame["site"] = random.choice(["north", "south"], people)[person]
    frame["diabetes"] = (shared[:, 0] + random.normal(size=people) > 0).astype(int)[person]
    frame.attrs["units"] = dict.fromkeys(names, "um")
    frame.attrs["definitions"] = {HOSTILE: f"What {HOSTILE} is."}
    return frame


@pytest.fixture(scope="module")
def found() -> Associations:
    return associate(
        study(300),
        outcome="diabetes",
        covariates=["age"],
        harmonise="site",
        robust=4,
        predicts=True,
    )


def test_works_are_recognised_as_sentences_name_them() -> None:
    text = "Least squares (MacKinnon and White 1985; Firth 1993), Benjamini and Hochberg (1995), Johnson, Li and "
    text += "Rabinovic 2007, Carroll et al. 2006. Over 145 tests in May 2021 km."
    assert named_in(text) == [
        "MacKinnon and White 1985",
        "Firth 1993",
        "Benjamini and Hochberg 1995",
        "Johnson, Li and Rabinovic 2007",
        "Carroll et al. 2006",
        "May 2021",
    ]
    assert [one.split(" ")[0] for one in references_of(text)] == [
        "Benjamini",
        "Carroll",
        "Firth",
        "Johnson",
        "MacKinnon",
    ]


def test_every_work_that_a_paragraph_can_name_is_given_in_full_and_no_other() -> None:
    named: set[str] = set()
    for module in (methods_module, model_text):
        tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                named |= set(named_in(node.value + " "))
    named.add("Rosner, Willett and Spiegelman 1989")  # follows a semicolon that opens the piece
    assert named == set(CITATIONS)


def test_the_paragraph_tells_what_was_done_beside_the_models(found: Associations) -> None:
    text = methods(found)
    for part in (
        "one mean and one spread over the 2 values of site, keeping what age explains",
        "independent tests (Galwey 2009)",
        "natural cubic splines of 3 degrees of freedom",
        "estimated from the two eyes of people (Carroll et al. 2006; Rosner",
        "five folds of people",
        f"statsmodels {found.versions['statsmodels']}",
    ):
        assert part in text
    plain = methods(associate(study(8), outcome="diabetes"))
    assert not any(
        word in plain for word in ("one spread", "splines", "classical measurement error", "folds")
    )


def test_definitions_come_with_unit_and_source_and_anchors_hold_no_names() -> None:
    name = names_of_catalogue(1)[0]
    entries = definition_entries(["b", name, "a"], {"a": "What a is.", name: "What it is."}, {"a": "um"})
    assert list(entries) == sorted(["a", name])
    assert entries["a"].unit == "um"
    assert (entries["a"].source, entries[name].source != "") == ("", True)
    assert BIOMARKERS[name].reference in entries[name].source
    assert all(entry.anchor.removeprefix("definition-").isdigit() for entry in entries.values())


def test_a_page_of_three_hundred_biomarkers_is_light_and_works_in_a_browser(
    found: Associations, tmp_path: Path, rendered: Callable[[str], tuple[str, str]]
) -> None:
    page = found.report(tmp_path / "page.html")
    assert "Over 300 tests at once q is a hard bar" in " ".join(page.read_text(encoding="utf-8").split())
    assert page.stat().st_size < 2_500_000  # of the 5 MB that a page may have
    script = """<script>
        document.querySelectorAll('#results th button')[0].click();
        location.hash = document.querySelector('#results td a').getAttribute('href');
        setTimeout(function () {
          var links = Array.prototype.slice.call(document.querySelectorAll('nav a'));
          var lost = links.filter(function (one) { return !document.querySelector(one.getAttribute('href')); });
          var details = document.querySelector('.definitions').closest('details');
          document.title = ['opened', details.open, links.length, lost.length].join(' ');
        }, 500);
        </script></body>"""
    page.write_text(page.read_text(encoding="utf-8").replace("</body>", script), encoding="utf-8")
    shown, said = rendered(page.as_uri())
    assert said == ""
    assert "<title>opened true 14 0</title>" in shown
    assert "<b onclick" not in shown
    assert shown.count("<svg") == 6 + 4 + 6 + 1  # flow to correlations, curves, harmonised, calibration
    table = shown.split('id="results"')[1].split("<tbody>")[1]
    assert "&lt;b onclick" in table.split("</tr>")[0]  # by name "<" comes first
