"""Deploys concern the series of their service and environment, or of all."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import polars as pl

from vigil.features.deploys import deploys_of_series, instants
from vigil.rootcause.changes import Change, changes_frame

AT = datetime(2026, 3, 3, 12, tzinfo=UTC)
SERIES = pl.DataFrame(
    {"series_id": [1, 2, 3], "service": ["shop", "shop", "mail"], "environment": ["a", "b", "a"]}
)


def test_a_deploy_concerns_its_service_where_it_was_made():
    """Names that are not said concern all; other kinds of change are no deploys."""
    changes = [
        Change(AT, "deploy", "shop", "a"),
        Change(AT + timedelta(hours=1), "deploy", "shop"),
        Change(AT + timedelta(hours=2), "deploy"),
        Change(AT + timedelta(hours=3), "config", "shop", "a"),
    ]
    found = instants(deploys_of_series(changes_frame(changes), SERIES))
    hours = {
        series_id: ((at - pd.Timestamp(AT).tz_localize(None)) / pd.Timedelta(hours=1)).tolist()
        for series_id, at in found.items()
    }
    assert hours == {1: [0, 1, 2], 2: [1, 2], 3: [2]}


def test_without_changes_there_are_no_deploys():
    """And nothing fails for want of them."""
    assert instants(deploys_of_series(changes_frame([]), SERIES)) == {}
