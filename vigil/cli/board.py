"""`vigil board`: the live page."""

import click

from vigil.cli.output import json_option, print_json


@click.command("board")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=4173, show_default=True, help="Port to listen on.")
@click.option(
    "--allow-host",
    multiple=True,
    help="Name under which browsers reach the board through a proxy; may be repeated.",
)
@json_option
def command(host: str, port: int, allow_host: tuple[str, ...], as_json: bool) -> None:
    """Serve the live board: estate, incidents, series and the stream's health on one page.

    The page keeps itself current by server-sent events and needs nothing from the internet. It
    shows and does not change anything. It has no login: listen on the loopback address, which is
    the default, or put a proxy with a login in front and name its host with --allow-host.

    Exit codes: 0 stopped, 2 the port is taken or wrong.
    """
    import socket

    import uvicorn

    from vigil.board.app import LOCAL_HOSTS, create_app
    from vigil.cli.output import log_to_stderr
    from vigil.config import load_settings
    from vigil.errors import UsageError

    log_to_stderr()
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        raise UsageError(f"the board cannot listen on {host} port {port}: {error}") from error
    address = f"http://{host}:{listener.getsockname()[1]}"
    if as_json:
        print_json({"address": address})
    else:
        click.echo(f"Vigil board: {address}  (Ctrl-C stops it)")
    app = create_app(load_settings(), (*LOCAL_HOSTS, *allow_host))
    config = uvicorn.Config(
        app, log_level="warning", timeout_graceful_shutdown=2, access_log=False, lifespan="on"
    )
    uvicorn.Server(config).run(sockets=[listener])
