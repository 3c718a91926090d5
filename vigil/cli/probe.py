"""`vigil probe`: synthetic checks."""

import click

from vigil.cli.output import json_option, log_to_stderr, print_json, print_table


@click.command("probe")
@click.argument("urls", nargs=-1, required=True)
@click.option(
    "--every-s", type=click.FloatRange(1), help="Go on at this interval.  [default: once]"
)
@click.option(
    "--timeout-s", default=10.0, show_default=True, type=click.FloatRange(0, min_open=True),
    help="Longest time for a check, from the name's look-up to the last byte looked at.",
)  # fmt: skip
@click.option("--expect", default="", help="Text that the body must have.")
@click.option("--service", default="", help="Name of the service.  [default: the host]")
@click.option("--environment", help="The environment of the targets.")
@click.option("--tenant", help="The tenant of the targets.")
@click.option("--no-store", is_flag=True, help="Only say what was found.")
@json_option
def command(
    urls: tuple[str, ...],
    every_s: float | None,
    timeout_s: float,
    expect: str,
    service: str,
    environment: str | None,
    tenant: str | None,
    no_store: bool,
    as_json: bool,
) -> None:
    """Check HTTP targets: name, connection, certificate, time, status, body.

    Each check is an event, so an API that nobody calls has series for rate, errors and latency;
    probe_dns_ms and tls_days_left are metrics. Redirects are answers and are not followed.

    \b
    Examples:
      vigil probe https://shop.example/health --expect ok
      vigil probe https://shop.example/health https://api.example/ --every-s 30

    Exit codes: 0 all is well (with --every-s: ended), 1 a check failed, 2 wrong use, 3 the event
    log is down.
    """
    import asyncio
    import time
    from contextlib import closing, suppress

    from vigil.collect.probe import Check, Finding, check_all, store
    from vigil.collect.receive.group_commit import GroupCommit
    from vigil.collect.receive.limits import TryLater
    from vigil.config import load_settings
    from vigil.errors import LogError
    from vigil.stores import open_log

    log_to_stderr()
    settings = load_settings()
    known = {"environment": environment, "tenant": tenant}
    identity = {name: value for name, value in known.items() if value}
    checks = [Check(url, timeout_s, expect, service, identity) for url in urls]

    async def once(commit: GroupCommit) -> list[Finding]:
        findings = await check_all(checks)
        if not no_store:
            try:
                await store(findings, commit)
            except TryLater as later:
                if every_s is None:
                    raise LogError(str(later)) from later
        _show(findings, as_json)
        return findings

    async def run() -> bool:
        with closing(open_log(settings)) as event_log:
            commit = GroupCommit(event_log, settings.limits)
            committing = asyncio.create_task(commit.run())
            try:
                while True:
                    began = time.monotonic()
                    findings = await once(commit)
                    if every_s is None:
                        return not any(finding.error for finding in findings)
                    await asyncio.sleep(max(0.0, every_s - (time.monotonic() - began)))
            finally:
                commit.stop()
                await committing

    well = True
    with suppress(KeyboardInterrupt):
        well = asyncio.run(run())
    raise SystemExit(0 if well else 1)


def _show(findings, as_json):
    columns = ("url", "error", "status", "duration_ms", "dns_ms", "tls_days_left")
    rows = [
        (
            item.check.url,
            item.error,
            item.status,
            round(item.duration_ms, 1),
            item.dns_ms and round(item.dns_ms, 1),
            item.tls_days_left and round(item.tls_days_left, 1),
        )
        for item in findings
    ]
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        print_table("Checks", columns, rows)
