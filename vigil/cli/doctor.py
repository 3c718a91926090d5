"""`vigil doctor`: what is wrong and how to mend it."""

import dataclasses

import click

from vigil.cli.output import json_option, print_facts, print_json, print_table


@click.command("doctor")
@json_option
def command(as_json: bool) -> None:
    """Check machine, servers, clocks, models and stream; say what to do about each problem.

    Finds servers that are down, too old or refuse the password, topics with too few partitions,
    clocks that differ, disks nearly full, a bundle this version cannot read, a scorer that does not
    keep up, and series that used to have traffic and have none.

    Also shows the settings in force, without the secrets in them. Exit codes: 0 no problem found
    (notes are fine), 1 at least one problem.
    """
    from vigil.config import load_settings
    from vigil.doctor import PROBLEM, examine

    settings = load_settings()
    findings = examine(settings)
    if as_json:
        checks = [dataclasses.asdict(finding) for finding in findings]
        print_json({"settings": settings.shown(), "checks": checks})
    else:
        print_facts("Settings in force", settings.shown())
        rows = [(item.check, item.level, item.found, item.remedy) for item in findings]
        print_table("Checks", ("check", "", "found", "remedy"), rows)
    raise SystemExit(any(finding.level == PROBLEM for finding in findings))
