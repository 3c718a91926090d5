"""The benchmark of redaction."""

from vigil.bench.redaction import bench_redaction


def test_one_text_in_a_hundred_is_changed():
    """Events lose their clients' addresses too, which all of them have."""
    events, logs = bench_redaction(rows=400, seed=1)
    assert (logs["rows"], logs["rows_changed"]) == (400, 4)
    assert events["rows_changed"] > 390
