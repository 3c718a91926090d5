"""`vigil config migrate`: bring the configuration file up to this version."""

import click

from vigil.cli.output import json_option, print_json


@click.command("migrate")
@click.option("--write", is_flag=True, help="Replace the file; the old one stays beside it (.bak).")
@json_option
def command(write: bool, as_json: bool) -> None:
    """Rename what is called otherwise now, and take out what is gone.

    Shows the file as it would be; with --write it is replaced. Comments and order stay. Variables
    that need a change are named: who sets them has to change them.

    \b
    Example:
      vigil config migrate
      vigil config migrate --write

    Exit codes: 0 nothing needs a change or the file was replaced, 1 something does, 2 there is a
    file that is no TOML.
    """
    import tomlkit.exceptions

    from vigil.config import config_path, outdated_variables
    from vigil.config_history import migrated
    from vigil.errors import ConfigError

    path, variables = config_path(), outdated_variables()
    text, done = "", list[str]()
    if path is not None:
        try:
            text, done = migrated(path.read_text(encoding="utf-8"))
        except tomlkit.exceptions.ParseError as error:
            raise ConfigError(f"{path} cannot be read as TOML: {error}") from error
    written = bool(path and done and write)
    if path and written:
        backup = path.with_name(path.name + ".bak")
        backup.write_bytes(path.read_bytes())
        path.write_text(text, encoding="utf-8")
    if as_json:
        print_json({"file": path, "changes": done, "variables": variables, "written": written})
    else:
        for said in [*(f"{path}: {change}" for change in done), *variables]:
            click.echo(said, err=True)
        if done and not written:
            click.echo(text, nl=False)
        elif not done and not variables:
            click.echo(f"nothing needs a change ({path or 'no file, environment only'})")
    raise SystemExit(1 if variables or (done and not written) else 0)
