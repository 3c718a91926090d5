"""Which statement wrote a line."""

import polars as pl
import pytest

from vigil.rootcause.statements import log_statement


@pytest.mark.parametrize(
    ("line", "label"),
    [
        (
            "18:27:20.716 INFO  s.c.SeatController#57 TraceID: 4dd8 [x]",
            "INFO s.c.SeatController#57",
        ),
        ("ERROR main.go:118 cannot connect to 10.0.0.1", "ERROR main.go:118"),
        ("order 4711 placed by user 9", "order * placed by user"),
        ("TraceID: 04c87ec9 SpanID: e4006dce4 List all products", "List all products"),
        ("ready", "ready"),
    ],
)
def test_a_source_location_names_the_statement_else_its_words_do(line, label):
    """Numbers, ids and instants are no part of a statement."""
    frame = pl.DataFrame({"body": [line]})
    assert frame.select(log_statement(pl.col("body"))).item() == label
