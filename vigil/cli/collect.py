"""`vigil collect`: receive what senders send, until told to stop."""

from pathlib import Path

import click
import orjson

from vigil.cli.access_logs import access_log_options, chosen_access_log
from vigil.cli.options import PORT
from vigil.cli.output import json_option, log_to_stderr, print_facts, print_json


@click.command("collect")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--http-port",
    type=PORT,
    default=4318,
    show_default=True,
    help="OTLP/HTTP; 0 takes a free one.",
)
@click.option(
    "--grpc-port",
    type=PORT,
    default=4317,
    show_default=True,
    help="OTLP/gRPC; 0 takes a free one.",
)
@click.option("--no-http", is_flag=True, help="Do not listen for HTTP.")
@click.option("--no-grpc", is_flag=True, help="Do not listen for gRPC.")
@click.option(
    "--open", "everybody", is_flag=True, help="Let everybody send, even beyond this machine."
)
@click.option("--require-keys", is_flag=True, help="Ask for keys on this machine as well.")
@access_log_options
@click.option(
    "--tail", "tails", multiple=True, type=click.Path(path_type=Path),
    help="Follow this access log (--format), through rotation and truncation; may be repeated.",
)  # fmt: skip
@click.option(
    "--scrape", "pages", multiple=True, metavar="URL",
    help="Fetch this page of a Prometheus target; may be repeated.",
)  # fmt: skip
@click.option(
    "--scrape-interval-s", default=15.0, show_default=True, type=click.FloatRange(1),
    help="How often pages are fetched.",
)  # fmt: skip
@click.option(
    "--from-topic", "topics", multiple=True, metavar="SIGNAL=TOPIC",
    help="Read OTLP batches of traces, logs or metrics from this topic; may be repeated.",
)  # fmt: skip
@click.option("--from-start", is_flag=True, help="Read files to follow from their beginning.")
@click.option("--tls-cert", type=click.Path(path_type=Path), help="Certificate chain, PEM.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="Its private key, PEM.")
@click.option(
    "--tls-client-ca",
    type=click.Path(path_type=Path),
    help="Only senders with a certificate of this authority come in (mTLS).",
)
@click.option(
    "--max-body-mib", default=16, show_default=True, type=click.IntRange(1, 1024),
    help="Largest request, unpacked.",
)  # fmt: skip
@click.option(
    "--max-waiting-mib", default=256, show_default=True, type=click.IntRange(1),
    help="Memory for requests under way; beyond it senders are told to come later.",
)  # fmt: skip
@click.option("--verbose", is_flag=True, help="Log more.")
@json_option
def command(
    host: str,
    http_port: int,
    grpc_port: int,
    no_http: bool,
    no_grpc: bool,
    everybody: bool,
    require_keys: bool,
    layout: str | None,
    pattern: str | None,
    paths: tuple[str, ...],
    at_end: bool,
    tails: tuple[Path, ...],
    pages: tuple[str, ...],
    scrape_interval_s: float,
    topics: tuple[str, ...],
    from_start: bool,
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_client_ca: Path | None,
    max_body_mib: int,
    max_waiting_mib: int,
    verbose: bool,
    as_json: bool,
    **identity: str | None,
) -> None:
    """Receive OpenTelemetry traces, logs and metrics (OTLP by HTTP and gRPC) and remote write.

    A request is acknowledged once it is durable in the event log. Records that cannot be used
    become dead letters, and the sender is told how many and why (partial success). When the
    receiver is full or the log is down, senders are told when to come again.

    With --tail it follows access logs, with --scrape it fetches Prometheus' pages, with
    --from-topic it reads what the Collector's Kafka exporter writes. It listens on this machine
    only, unless --host says otherwise; then senders need keys (vigil keys create).

    \b
    Examples:
      vigil collect
      vigil collect --tail /var/log/nginx/access.log --format nginx --service shop
      vigil collect --from-topic metrics=otlp_metrics
      OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 opentelemetry-instrument python app.py

    Ctrl-C ends it orderly: requests under way are finished, then the counts are printed.

    Exit codes: 0 ended, 2 wrong use or a port is taken, 3 the event log is down.
    """
    from contextlib import closing

    import uvloop

    from vigil.collect.metrics.scrape import Target
    from vigil.collect.receive.consuming import Source
    from vigil.collect.receive.following import Tail
    from vigil.collect.receive.limits import ReceiverLimits
    from vigil.collect.receive.receiver import Address
    from vigil.collect.receive.run import Access, Beside, receive, tls_files
    from vigil.config import load_settings
    from vigil.stores import open_log

    log_to_stderr(verbose)
    access_log = chosen_access_log(layout, pattern, paths, at_end, identity)
    if bool(tails) != bool(access_log):
        raise click.UsageError("--tail and --format need each other")
    fetched = Beside(
        tails=[Tail(path, access_log, from_start) for path in tails],
        targets=[Target(url, scrape_interval_s, identity["service"] or "") for url in pages],
        sources=[Source.parse(text) for text in topics],
    )
    access = Access(everybody, require_keys)
    settings = load_settings()
    address = Address(
        host=host,
        http_port=None if no_http else http_port,
        grpc_port=None if no_grpc else grpc_port,
        tls=tls_files(tls_cert, tls_key, tls_client_ca),
    )
    limits = ReceiverLimits(body_bytes=max_body_mib << 20, waiting_bytes=max_waiting_mib << 20)

    def say(ports: dict[str, int]) -> None:
        if as_json:
            click.echo(orjson.dumps({"listening": ports}))

    with closing(open_log(settings)) as event_log:
        counters = uvloop.run(receive(event_log, settings, address, limits, access, fetched, say))
    if as_json:
        print_json(counters)
    else:
        print_facts("Collected", counters)
