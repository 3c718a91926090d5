"""Options that commands share."""

import click

PORT = click.IntRange(0, 65_535)

start_option = click.option(
    "--from", "start", type=click.DateTime(), help="Start, UTC.  [default: all there is]"
)
end_option = click.option("--to", "end", type=click.DateTime(), help="End, UTC.")
series_per_group_option = click.option(
    "--series-per-group",
    type=click.IntRange(1),
    default=4,
    show_default=True,
    help="Series in backtests.",
)
folds_option = click.option(
    "--folds", type=click.IntRange(1), default=2, show_default=True, help="Rolling origins."
)
