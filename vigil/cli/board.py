"""`vigil board`: the live page."""

from pathlib import Path

import click

from vigil.cli.options import PORT
from vigil.cli.output import json_option, print_json


@click.command("board")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=PORT,
    default=4173,
    show_default=True,
    help="Port to listen on.",
)
@click.option(
    "--allow-host",
    multiple=True,
    help="Name under which browsers reach the board through a proxy; may be repeated.",
)
@click.option(
    "--require-keys", is_flag=True, help="Ask for a key on this machine as well (vigil keys)."
)
@click.option(
    "--open", "everybody", is_flag=True,
    help="Let everybody look who reaches the board; to act they still need a key.",
)  # fmt: skip
@click.option("--tls-cert", type=click.Path(path_type=Path), help="Certificate chain, PEM.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="Its private key, PEM.")
@click.option(
    "--behind-https", is_flag=True,
    help="A proxy in front ends TLS: browsers send the session by HTTPS only.",
)  # fmt: skip
@json_option
def command(
    host: str,
    port: int,
    allow_host: tuple[str, ...],
    require_keys: bool,
    everybody: bool,
    tls_cert: Path | None,
    tls_key: Path | None,
    behind_https: bool,
    as_json: bool,
) -> None:
    """Serve the live board: look at the estate, incidents, journeys and drills; act on incidents.

    The page keeps itself current by server-sent events and needs nothing from the internet. On
    this machine it asks for no key and signs what is done with the name of the user who started
    it. Beyond it (--host, --allow-host) people sign in with an API key: a viewer's looks, an
    operator's acknowledges, silences and labels as well.

    \b
    Examples:
      vigil board
      vigil keys create ann --role operator
      vigil board --host 0.0.0.0 --allow-host board.example --tls-cert board.pem --tls-key board.key

    Exit codes: 0 stopped, 2 wrong use, or the port is taken.
    """
    import socket

    import uvicorn

    from vigil.alerts.operator import who
    from vigil.board.access import access_words, anonymous_visitor
    from vigil.board.app import LOCAL_HOSTS, create_app
    from vigil.cli.output import log_to_stderr
    from vigil.collect.receive.run import is_loopback, tls_files
    from vigil.config import load_settings
    from vigil.errors import UsageError

    log_to_stderr()
    tls = tls_files(tls_cert, tls_key, None)
    settings = load_settings()
    local = is_loopback(host) and not allow_host
    anonymous = anonymous_visitor(who(), local and not require_keys, everybody)
    try:
        app = create_app(
            settings, (*LOCAL_HOSTS, *allow_host), anonymous, bool(tls or behind_https)
        )
    except OSError as error:
        raise UsageError(f"the board cannot keep its secret in {settings.home}: {error}") from error
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        raise UsageError(f"the board cannot listen on {host} port {port}: {error}") from error
    address = f"http{'s' if tls else ''}://{host}:{listener.getsockname()[1]}"
    said = access_words(anonymous)
    if as_json:
        print_json({"address": address, "access": said})
    else:
        click.echo(f"Vigil board: {address}  (Ctrl-C stops it)\n{said}")
    if not (local or tls or behind_https):
        click.echo("No TLS: keys and answers can be read on their way.", err=True)
    config = uvicorn.Config(
        app,
        log_level="warning",
        timeout_graceful_shutdown=2,
        access_log=False,
        lifespan="on",
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )
    uvicorn.Server(config).run(sockets=[listener])
