"""The critical path: which span a request was waiting for at each moment."""

import numpy as np
import polars as pl
from numba import njit


def with_critical_time(spans: pl.DataFrame) -> pl.DataFrame:
    """Linked spans with `critical_ms`: how long the request waited for this span itself.

    Walks back from the end of each root: the child that ended last was being waited for, before it
    the last one that had ended when it began, and so on; the rest of the time is the span's own.
    Over the spans below a root `critical_ms` adds up to the root's duration exactly; a span that
    ran beside others, or on after its parent's answer, has 0.

    Source: Zhang et al., "CRISP: Critical Path Analysis of Large-Scale Microservice
    Architectures", USENIX ATC 2022.
    """
    order = (
        spans.select("row", "parent_row", "depth", "end_us")
        .sort("parent_row", "end_us", descending=[False, True], nulls_last=True)
        .filter(pl.col("parent_row").is_not_null())
    )
    parent = order["parent_row"].to_numpy()
    first = np.searchsorted(parent, np.arange(spans.height + 1))
    critical_us = _walk(
        np.argsort(spans["depth"].to_numpy(), kind="stable"),
        spans["parent_row"].is_null().to_numpy(),
        spans["start_us"].to_numpy(),
        spans["end_us"].to_numpy(),
        first,
        order["row"].to_numpy(),
    )
    return spans.with_columns(critical_ms=pl.Series(critical_us) / 1_000)


@njit(cache=True)
def _walk(parents_first, is_root, start, end, first, children):
    """µs of each row on the critical path; children of row r: `children[first[r]:first[r + 1]]`,
    the last to end first.
    """
    count = len(start)
    begin = np.zeros(count, np.int64)
    finish = np.zeros(count, np.int64)
    own = np.zeros(count, np.int64)
    for row in parents_first:
        if is_root[row]:
            begin[row], finish[row] = start[row], end[row]
        cursor = finish[row]
        if cursor <= begin[row]:
            continue
        for place in range(first[row], first[row + 1]):
            child = children[place]
            # What outlives the parent was not waited for to its end.
            until = min(end[child], finish[row])
            since = max(start[child], begin[row])
            if until > cursor or until <= since:
                continue
            begin[child], finish[child] = since, until
            own[row] += cursor - until
            cursor = since
        own[row] += cursor - begin[row]
    return own
