"""Files that commands write: refused before the work, where they cannot be written."""

from collections.abc import Sequence
from pathlib import Path

import click

from vigil.errors import InputError

PLOTS = (".png", ".svg", ".pdf")


class OutFile(click.Path):
    """A file to write, in a folder that is there. `suffixes`: the formats that it may have.

    Raises InputError naming the path and what is wrong with it.
    """

    def __init__(self, suffixes: Sequence[str] = ()) -> None:
        super().__init__(path_type=Path)
        self.suffixes = tuple(suffixes)

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Path:
        """The path."""
        path = Path(str(value))
        try:
            has_folder, is_folder = path.absolute().parent.is_dir(), path.is_dir()
        except PermissionError as error:
            raise InputError(f"{path} cannot be written: {error.strerror}") from error
        if not has_folder:
            raise InputError(f"{path} cannot be written: there is no folder {path.parent}")
        if is_folder:
            raise InputError(f"{path} cannot be written: it is a folder")
        if self.suffixes and path.suffix.lower() not in self.suffixes:
            raise InputError(f"{path} must end in one of {', '.join(self.suffixes)}")
        return path
