"""The templates of every page, and the files that they become: text is escaped, numbers read alike."""

from __future__ import annotations

from pathlib import Path

import jinja2

from retquant.report import text


def page_templates() -> jinja2.Environment:
    """The templates of the package; what a page leaves out is an error, and all text is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("retquant.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=text.number,
        ratio=text.ratio,
        p=text.p_value,
        count=text.count,
        exp=text.exponential,
        share=text.share,
    )
    return environment


def write_page_file(path: Path, page: str) -> Path:
    """Write a page aside and put it in its place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.tmp")
    aside.write_text(page, encoding="utf-8")
    aside.replace(path)
    return path
