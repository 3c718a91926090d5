"""Keys as numbers: the seven identity columns of a record become one stable 64-bit id."""

from collections.abc import Sequence
from functools import reduce
from operator import xor

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
        # A seed for each column tells a value in one from the same in another. Hashing rows as
        # structs takes more than twice as long.
        hashes = [pl.col(name).hash(seed) for seed, name in enumerate(self.columns)]
        codes = records.select(code=reduce(xor, hashes))
        new = codes.unique().join(self._known, on="code", how="anti")
        if new.height:
            self._learn(records, codes, new)
        ids = codes.join(self._known, on="code", how="left", maintain_order="left")
        return records.with_columns(ids[self.id_name])

    def _learn(self, records: pl.DataFrame, codes: pl.DataFrame, new: pl.DataFrame) -> None:
        """Give ids to codes not met before."""
        met = records.select(self.columns).with_columns(codes)
        rows = met.join(new, on="code", how="semi").unique("code", maintain_order=True)
        ids = [stable_id(row) for row in rows.select(self.columns).iter_rows()]
        rows = rows.with_columns(pl.Series(self.id_name, ids, pl.Int64))
        self._known = pl.concat([self._known, rows.select("code", self.id_name)])
        self._added.append(rows.select(self.id_name, *self.columns))

    def take_added(self) -> pl.DataFrame:
        """Ids met since the last call: the id and its columns."""
        schema = {self.id_name: pl.Int64, **dict.fromkeys(self.columns, pl.String)}
        added, self._added = self._added, []
        return pl.concat([pl.DataFrame(schema=schema), *added])
