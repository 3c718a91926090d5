"""`vigil bench recovery`: the fault campaign."""

from pathlib import Path
from typing import Any

import click

from vigil.cli.output import json_option, print_facts, print_json, print_table, progress_bar


@click.command("recovery")
@click.option(
    "--stack",
    "stacks",
    multiple=True,
    type=click.Choice(("embedded", "real")),
    help="Run only this one; may be repeated.  [default: both]",
)
@click.option("--kills", default=100, show_default=True, help="How often the scorer is killed.")
@click.option("--outages", default=10, show_default=True, help="How often each server is killed.")
@click.option("--others", default=3, show_default=True, help="How often anything else is done.")
@click.option("--seed", default=1, show_default=True, help="Order and pauses of the strikes.")
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the stacks' files and logs.  [default: a temporary one]",
)
@json_option
def command(
    stacks: tuple[str, ...],
    kills: int,
    outages: int,
    others: int,
    seed: int,
    keep: Path | None,
    as_json: bool,
) -> None:
    """Kill, stall, poison and fill at random moments; count what was lost. Nothing may be.

    A stack is fed all the time while its scorer and servers are killed (-9), networks stall, bad
    messages come, a second scorer takes over, the disk is full. Then its windows, scores,
    incidents and alerts are compared with those of an undisturbed run over the same log.

    The real stack starts Kafka, PostgreSQL and Elasticsearch on loopback and needs java, javac and
    mvn. The disk is only filled where a small one may be mounted (as root). Exit codes: 0 nothing
    was lost or doubled, 1 something was, 3 a server cannot be started.
    """
    import tempfile
    from contextlib import ExitStack

    from vigil.bench.recovery import Campaign, CampaignPlan, EmbeddedStack, RealStack
    from vigil.bench.recovery.campaign import summary
    from vigil.bench.recovery.stacks import check_servers

    wanted = [kind for kind in (EmbeddedStack, RealStack) if not stacks or kind.name in stacks]
    if RealStack in wanted:
        check_servers()
    plan = CampaignPlan(seed, kills, outages, others)
    reports = []
    for kind in wanted:
        with ExitStack() as opened:
            folder = keep or Path(
                opened.enter_context(tempfile.TemporaryDirectory(prefix="vigil-recovery-"))
            )
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)
            stack = opened.enter_context(kind(folder / kind.name))
            bar = opened.enter_context(progress_bar())
            task = bar.add_task(f"{kind.name} stack", total=None)

            def show(done: int, total: int, what: str, bar=bar, task=task) -> None:  # type: ignore[no-untyped-def]
                bar.update(task, completed=done, total=total, description=what)

            campaign = Campaign(stack, plan, show)
            reports.append(summary(campaign, campaign.run()))
    if as_json:
        print_json(reports)
    else:
        for report in reports:
            _print_recovery(report)
    raise SystemExit(0 if all(report["holds"] for report in reports) else 1)


def _print_recovery(report: dict[str, Any]) -> None:
    rows = [(strike, *times.values()) for strike, times in report["strikes"].items()]
    columns = ("strike", "times", "median recovery s", "longest s")
    print_table(f"Recovery of the {report['stack']} stack, seed {report['seed']}", columns, rows)
    print_facts("Compared with an undisturbed run", report["verdict"])
