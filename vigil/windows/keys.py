"""Keys as numbers: the seven identity columns of a record become one stable 64-bit id."""

from collections.abc import Sequence

import polars as pl

from vigil.events.schema import stable_id


class KeyIndex:
    """Hands out `stable_id` of column tuples, hashing each distinct tuple once.

    `added` holds the ids met since `take_added`, with their columns, for the store.
    """

    def __init__(self, columns: Sequence[str], id_name: str) -> None:
        self.columns = tuple(columns)
        self.id_name = id_name
        self._known = pl.DataFrame(schema={"code": pl.UInt64, id_name: pl.Int64})
        self._added: list[pl.DataFrame] = []

    def assign(self, records: pl.DataFrame) -> pl.DataFrame:
        """`records` with the id column; order is kept."""
        # polars' own hash is fast but may change between versions: it stays in this process.
        coded = records.with_columns(code=pl.struct(self.columns).hash())
        new = (
            coded.lazy()
            .select("code", *self.columns)
            .unique("code")
            .join(self._known.lazy(), on="code", how="anti")
            .collect()
        )
        if new.height:
            ids = [stable_id(row) for row in new.select(self.columns).iter_rows()]
            new = new.with_columns(pl.Series(self.id_name, ids, pl.Int64))
            self._known = pl.concat([self._known, new.select("code", self.id_name)])
            self._added.append(new.select(self.id_name, *self.columns))
        return coded.join(self._known, on="code", how="left", maintain_order="left").drop("code")

    def take_added(self) -> pl.DataFrame:
        """Ids met since the last call: the id and its columns."""
        schema = {self.id_name: pl.Int64, **dict.fromkeys(self.columns, pl.String)}
        added, self._added = self._added, []
        return pl.concat([pl.DataFrame(schema=schema), *added])
