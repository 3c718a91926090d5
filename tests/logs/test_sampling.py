"""Lines are sampled where they say the same; their numbers add up."""

from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from vigil.events.rules import ATTRIBUTES
from vigil.logs.sampling import FIRST_KEPT, FIRST_KEPT_SEVERE, KEPT_LINES, MINUTE, LineSampler

START = datetime(2026, 3, 2, tzinfo=UTC)


def lines(*said: tuple[float, str, str | None]) -> pl.DataFrame:
    """Mined lines from (second, template, level)."""
    rows = [
        {
            "line_id": f"{second}-{number}", "time": START + timedelta(seconds=second),
            "tenant": None, "environment": "prod", "cloud": None, "region": None,
            "service": "cart", "level": level, "template_id": f"t{template}",
            "template": template, "body": f"{template} {number}", "trace_id": None,
            "span_id": None, "attributes": {"pod": "a"},
        }
        for number, (second, template, level) in enumerate(said)
    ]  # fmt: skip
    kinds = {name: kind for name, kind in KEPT_LINES.items() if name in rows[0]} if rows else {}
    return pl.DataFrame(rows, schema=kinds | {"body": pl.String, "attributes": ATTRIBUTES})


def stands_for(kept: pl.DataFrame) -> list[tuple[str, int]]:
    """(message, lines) of kept lines."""
    return kept.select("message", "lines").rows()


def test_rare_lines_are_all_kept_as_they_come():
    """Each stands for itself."""
    kept = LineSampler().take(lines((0, "a", None), (1, "b", "INFO"), (2, "a", None)))
    assert stands_for(kept) == [("a 0", 1), ("b 1", 1), ("a 2", 1)]
    assert kept["severity"].to_list() == [None, 9, None]
    assert kept["attributes"][0] == '{"pod":"a"}'


def test_repeated_lines_are_kept_ever_more_rarely():
    """The first few, then the tenth, twentieth, fortieth; the rest when the minute is over."""
    sampler = LineSampler()
    kept = sampler.take(lines(*[(n / 10, "a", None) for n in range(50)]))
    assert stands_for(kept) == [
        *((f"a {n}", 1) for n in range(FIRST_KEPT)), ("a 9", 5), ("a 19", 10), ("a 39", 20),
    ]  # fmt: skip
    assert stands_for(sampler.close(START + MINUTE - timedelta(seconds=1))) == []
    assert stands_for(sampler.close(START + MINUTE)) == [("a 49", 10)]
    assert stands_for(sampler.close(None)) == []


def test_of_grave_lines_more_are_kept():
    """They are what people look for."""
    kept = LineSampler().take(lines(*[(n / 10, "a", "ERROR") for n in range(30)]))
    assert kept.height == FIRST_KEPT_SEVERE


def test_each_minute_begins_anew():
    """A template that goes on is seen in every minute."""
    sampler = LineSampler()
    sampler.take(lines(*[(n, "a", None) for n in range(60)]))
    assert stands_for(sampler.take(lines((60, "a", None)))) == [("a 0", 1)]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 200), st.sampled_from("abc"), st.sampled_from([None, "INFO", "ERROR"])
        ),
        max_size=120,
    ),
    st.lists(st.integers(1, 40), min_size=1),
)
def test_however_lines_are_cut_the_same_are_kept_and_all_are_counted(said, sizes):
    """Also across a restart between any two steps."""
    whole, cut = LineSampler(), LineSampler()
    everything = lines(*said)
    expected = pl.concat([whole.take(everything), whole.close(None)])
    found, at = [], 0
    while at < everything.height:
        size = sizes[len(found) % len(sizes)]
        found.append(cut.take(everything[at : at + size]))
        at += size
        restarted = LineSampler()
        restarted.restore(cut.state())
        cut = restarted
    found.append(cut.close(None))
    got = pl.concat(found)
    assert got["lines"].sum() == len(said)
    assert got.sort("line_id").equals(expected.sort("line_id"))
