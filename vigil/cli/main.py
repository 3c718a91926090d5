"""`vigil`: the command line. Each command is one file beside this one, loaded when it is called."""

import os
import sys

import click
import orjson

from vigil.cli.lazy import LazyGroup
from vigil.errors import VigilError

# Kept here so that `vigil --help` imports no command; a test compares them with the commands.
COMMANDS = {
    "demo": "Run the whole product on embedded defaults and say where to look.",
    "up": "Start the scorer, the board, Dagster and the database in the background.",
    "down": "Stop what `vigil up` started.",
    "board": "Serve the live board: estate, incidents, series, stream.",
    "status": "Show lag, watermark, throughput, dead letters and the champion.",
    "doctor": "Find what is wrong and say how to mend it.",
    "config": "Check, show, migrate and describe the settings.",
    "plan": "Say what switching on will cost and bring, from a sample.",
    "simulate": "Generate the load of a multi-cloud API estate with labelled faults.",
    "collect": "Receive OpenTelemetry and Prometheus' metrics, follow access logs.",
    "probe": "Check HTTP targets: name, certificate, time, status, body.",
    "dead-letters": "Count, show, mend and replay what could not be used.",
    "keys": "Make, list, rotate and revoke API keys.",
    "ingest": "Read events, metrics or logs from files into the event log.",
    "score": "Run the streaming scorer.",
    "work": "Run one worker of a scorer that shares its partitions out.",
    "detect": "Score any csv of timestamps and values.",
    "forecast": "Continue any csv of timestamps and values, with quantiles.",
    "logs": "Mine templates from log files, show those of the stream.",
    "breach": "Say how probable it is that a threshold breaks, and when.",
    "capacity": "Say when traffic reaches a limit, and what if.",
    "slo": "Check objectives and show their error budgets.",
    "train": "Train and backtest all candidates and write a challenger bundle.",
    "backtest": "Backtest candidates and show the numbers.",
    "challenge": "Put a bundle on trial: in the champion's shadow, and through the past.",
    "promote": "Make a bundle the champion.",
    "models": "List bundles, their backtest scores and the champion.",
    "incidents": "List incidents, or tell the whole story of one.",
    "ack": "Acknowledge an incident: somebody takes care.",
    "silence": "Tell nobody of something for a while.",
    "evidence": "Take the alerts of an Alertmanager as outside evidence.",
    "replay": "Send the past through a policy, or compare two.",
    "why": "Say why a window was flagged, and what came of it.",
    "why-not": "Say why nobody was paged for a window.",
    "label": "Say what an alert was worth: true, false or expected.",
    "rollback": "Go back to the champion before the present one.",
    "kibana": "Export or import dashboards for Kibana.",
    "journeys": "Show what users do, by which way, and where its time goes.",
    "graph": "Show who calls whom, as of any instant, with rate, errors and latency.",
    "changes": "Note deploys, configuration and feature flags; list them.",
    "rca": "Rank the services that may have caused what began at an instant.",
    "bench": "Run Vigil's own benchmarks, with peers in the same run.",
}

# Memory that a batch has freed is wanted by the next one: a quarter of a stream's time goes into
# giving it back and getting it anew, if the allocators of polars and pyarrow do that at once. They
# read this when they are loaded.
ALLOCATORS = {
    "_RJEM_MALLOC_CONF": "dirty_decay_ms:5000,muzzy_decay_ms:-1",
    "MIMALLOC_PURGE_DELAY": "3000",
}

EPILOG = """Exit codes: 0 fine, 1 the thing asked for does not hold, 2 wrong use, 3 a dependency is
down. Settings come from VIGIL_… variables; `vigil doctor` shows the values in force."""


@click.group(
    cls=LazyGroup,
    package="vigil.cli",
    summaries=COMMANDS,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="vigil")
def cli() -> None:
    """Vigil watches APIs: it detects anomalies as they happen and says why it alerts.

    Begin with `vigil demo`; every command explains itself with --help.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; known errors become one sentence and an exit code."""
    for name, value in ALLOCATORS.items():
        os.environ.setdefault(name, value)
    try:
        cli.main(args=arguments, prog_name="vigil", standalone_mode=True)
    except VigilError as error:
        asked = sys.argv[1:] if arguments is None else arguments
        if "--json" in asked:
            click.echo(orjson.dumps({"error": str(error), "exit_code": error.exit_code}).decode())
        click.echo(f"vigil: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
