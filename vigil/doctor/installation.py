"""What is examined: the settings, and the database behind them."""

from types import TracebackType
from typing import Self

import sqlalchemy as sa

from vigil.config import Settings
from vigil.errors import VigilError
from vigil.stores.database import open_database


class Installation:
    """Settings with their database, which is opened once for all checks, by the first that asks."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._engine: sa.Engine | None = None
        self._trouble: VigilError | None = None

    @property
    def engine(self) -> sa.Engine:
        """Raises what the first attempt to open it raised: only one check waits for it."""
        if self._trouble is not None:
            raise self._trouble
        if self._engine is None:
            try:
                self._engine = open_database(self.settings)
            except VigilError as error:
                self._trouble = error
                raise
        return self._engine

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._engine is not None:
            self._engine.dispose()
