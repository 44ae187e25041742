"""The command `doctor`: what is wrong, and what to do about it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.common import Bots, current_settings, print_line

if TYPE_CHECKING:
    from app.operator.doctor.findings import Finding

commands = typer.Typer()
MARKS = {"ok": "✓", "warning": "!", "fault": "✗"}


@commands.command()
def doctor(
    bots: Bots = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="print the findings as JSON")
    ] = False,
    models: Annotated[
        bool, typer.Option(help="whether each model is asked for a word")
    ] = True,
) -> None:
    """Look at everything that a stream needs, and say what to do. Changes nothing; exit
    code 1 where something does not work."""
    from app.operator.doctor.examination import examine_stream

    found: list[Finding] = []
    for finding in examine_stream(current_settings(), bots or (), models):
        found.append(finding)
        if not as_json:
            show(finding)
    levels = [str(one.level) for one in found]
    faults, warnings = levels.count("fault"), levels.count("warning")
    if as_json:
        counts = {"faults": faults, "warnings": warnings}
        told_all = {**counts, "findings": [asdict(one) for one in found]}
        typer.echo(json.dumps(told_all, ensure_ascii=False, indent=2))
    else:
        fine = levels.count("ok")
        print_line(f"Faults: {faults}; warnings: {warnings}; in order: {fine}.")
    if faults:
        raise typer.Exit(1)


def show(finding: Finding) -> None:
    """One finding, and in a second line what to do about it."""
    from app.cli.lines import print_wrapped

    mark = MARKS[finding.level]
    print_wrapped(f"{mark} {finding.area}: {finding.what}", indent=2)
    if finding.remedy:
        print_wrapped(f"  → {finding.remedy}", indent=4)
