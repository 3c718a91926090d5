"""`vigil keys`: API keys of senders and people."""

import click

from vigil.cli.lazy import LazyGroup

KEY_COMMANDS = {
    "create": "Make a key; its token is shown once.",
    "list": "List keys with role, tenant, limits and last use.",
    "rotate": "Give a key a new token; the old one works for a while.",
    "revoke": "End a key.",
}


@click.group("keys", cls=LazyGroup, package="vigil.cli.keys", summaries=KEY_COMMANDS)
def command() -> None:
    """API keys: who may send, look, operate and administer, for which tenant, and how much.

    Roles: a sender may send; a viewer may look; an operator may look, acknowledge and silence; an
    admin may do everything. `vigil collect` asks for keys beyond this machine, and with
    --require-keys everywhere. Tokens are kept as hashes.

    Exit codes: 0 done, 2 wrong use or no such key, 3 the database is down.
    """
