"""How a command ends: messages on stderr and exit codes.

0 all done; 1 the run failed; 2 bad usage, manifest, locked folder or unconfirmed change; 3 done with failures;
130 interrupted.
"""

from __future__ import annotations

import json
from typing import Any

import typer

from retquant.errors import RetquantError

DONE_WITH_FAILURES = 3


def exit_code(error: RetquantError) -> int:
    """2 where the person has to change what was asked for, 1 where the run itself failed."""
    return 2 if error.is_usage else 1


def say_error(error: RetquantError) -> None:
    """Print where, what, and what to do."""
    where = f"{error.where}: " if error.where else ""
    typer.secho(f"retquant: {where}{error.problem}", err=True, fg=typer.colors.RED)
    if error.remedy:
        typer.echo(f"Try: {error.remedy}", err=True)


def say_json(value: Any) -> None:
    """Print a value for machines, on stdout."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))
