"""The directory of keys and series: records get ids, windows get their names back."""

from collections.abc import Mapping

import polars as pl

from vigil.events.schema import KEY_COLUMNS, stable_id
from vigil.features.observations import SCORED_METRICS
from vigil.windows.keys import KeyIndex

_NAMES = dict.fromkeys(KEY_COLUMNS, pl.String)
_DIRECTORY = {"series_id": pl.Int64, "key_id": pl.Int64, "metric": pl.String, **_NAMES}


class SeriesDirectory:
    """Every series met, kept in the checkpoint: a silent key still needs its name."""

    nothing = pl.DataFrame(schema=_DIRECTORY)

    def __init__(self) -> None:
        self._keys = KeyIndex(KEY_COLUMNS, "key_id")
        # Who calls whom: one hash of a request for its key, its edge and its caller.
        self._calls = KeyIndex((*KEY_COLUMNS, "peer_service"), "call_id")
        self._key_of_call = pl.DataFrame(schema={"call_id": pl.Int64, "key_id": pl.Int64})
        self._new_calls: list[tuple[str, str]] = []
        self._metrics = KeyIndex((*KEY_COLUMNS, "metric"), "series_id")
        self._known = pl.DataFrame(schema=_DIRECTORY)
        self._added: list[pl.DataFrame] = []

    def __len__(self) -> int:
        return self._known.height

    def identify_requests(self, records: pl.DataFrame) -> pl.DataFrame:
        """Requests with `key_id` and `call_id`, one for each key and `peer_service`; a new key
        brings a series for each scored metric.
        """
        records = self._calls.assign(records)
        calls = self._calls.take_added()
        if calls.height:
            self._learn_calls(calls)
        # The one column alone: a join copies all that it is given.
        ids = records.select("call_id")
        keys = ids.join(self._key_of_call, on="call_id", how="left", maintain_order="left")
        return records.with_columns(keys["key_id"])

    def take_calls(self) -> list[tuple[str, str]]:
        """(caller, callee) pairs that were met since the last call, and by this process first."""
        calls, self._new_calls = self._new_calls, []
        return calls

    def _learn_calls(self, calls: pl.DataFrame) -> None:
        self._new_calls += calls.select("peer_service", "service").drop_nulls().unique().rows()
        placed = self._keys.assign(calls).select("call_id", "key_id")
        self._key_of_call = pl.concat([self._key_of_call, placed])
        keys = self._keys.take_added()
        if keys.height:
            self._add(
                pl.DataFrame(
                    [
                        (stable_id([*names, metric]), key_id, metric, *names)
                        for key_id, *names in keys.iter_rows()
                        for metric in SCORED_METRICS
                    ],
                    schema=_DIRECTORY,
                    orient="row",
                )
            )

    def identify_metrics(self, records: pl.DataFrame) -> pl.DataFrame:
        """Metric points with `series_id`."""
        records = self._metrics.assign(records)
        series = self._metrics.take_added()
        if series.height:
            keyed = KeyIndex(KEY_COLUMNS, "key_id").assign(series)
            self._add(keyed.select(list(_DIRECTORY)))
        return records

    def _add(self, series: pl.DataFrame) -> None:
        new = series.join(self._known, on="series_id", how="anti")
        self._known = pl.concat([self._known, new])
        self._added.append(new)

    def named(self, id_name: str, ids: pl.Series) -> pl.DataFrame:
        """The series of these keys (`key_id`), or these series (`series_id`), for `learn`."""
        return self._known.filter(pl.col(id_name).is_in(ids.implode()))

    def learn(self, series: pl.DataFrame, calls: pl.DataFrame) -> None:
        """Take the series and (caller, callee) pairs that somebody else has met."""
        self._add(series.unique("series_id"))
        self._new_calls += calls.unique().rows()

    def describe_series(self, observations: pl.DataFrame) -> pl.DataFrame:
        """Observations with `series_id` and the key columns."""
        return observations.join(self._known, on=["key_id", "metric"], how="inner")

    def describe_metrics(self, windows: pl.DataFrame) -> pl.DataFrame:
        """Metric windows with `key_id` and `metric`."""
        names = self._known.select("series_id", "key_id", "metric")
        return windows.join(names, on="series_id", how="inner")

    def take_added(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Rows for the tables `keys` and `series`, new since the last call."""
        added = pl.concat([pl.DataFrame(schema=_DIRECTORY), *self._added])
        self._added = []
        keys = added.select("key_id", *KEY_COLUMNS).unique("key_id", maintain_order=True)
        return keys, added.select("series_id", "key_id", "metric")

    def state(self) -> dict[str, pl.DataFrame]:
        """For the checkpoint."""
        return {"known": self._known}

    def restore(self, state: Mapping[str, pl.DataFrame]) -> None:
        """Go on from `state()`."""
        self._known = state["known"]
