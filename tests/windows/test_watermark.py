"""The watermark trails the newest event, waits for the slowest partition, never goes back."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vigil.windows.watermark import UNSEEN, Progress, Watermark


def test_it_trails_the_newest_event_by_the_bound():
    """Nothing is known before the first event."""
    mark = Watermark(out_of_order_us=5)
    assert mark.advance() == UNSEEN
    assert mark.observe(0, np.array([100, 90])).tolist() == [UNSEEN, 95]
    assert mark.advance() == 95


def test_the_slowest_partition_holds_the_others_back_until_it_is_idle():
    """An idle partition is not waited for; its next event makes it count again."""
    mark = Watermark(0)
    mark.observe(0, np.array([50]))
    mark.observe(1, np.array([100]))
    assert mark.advance() == 50
    mark.mark_idle(0)
    assert mark.advance() == 100
    mark.observe(0, np.array([60]))
    assert mark.advance() == 100, "a watermark never goes back"


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=50), st.data())
def test_what_is_in_force_does_not_depend_on_batching(times, data):
    """Each event sees the watermark of the events before it, however they were cut."""
    cut = data.draw(st.integers(0, len(times)))
    whole, parts = Watermark(7), Watermark(7)
    expected = whole.observe(0, np.array(times))
    found = [parts.observe(0, np.array(piece, np.int64)) for piece in (times[:cut], times[cut:])]
    assert np.concatenate(found).tolist() == expected.tolist()


def test_finishing_closes_the_window_of_the_newest_event():
    """At the end of a file nothing more is awaited."""
    mark = Watermark(5)
    mark.observe(0, np.array([101]))
    assert mark.finish(window_us=10) == 110


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=50), st.data())
def test_a_share_of_the_records_is_judged_like_all_of_them(times, data):
    """Who has every third record and knows the partition's progress sees the same watermark."""
    times = np.array(times, np.int64)
    kept = np.array(data.draw(st.lists(st.booleans(), min_size=len(times), max_size=len(times))))
    whole, share = Watermark(7), Watermark(7)
    for piece, chosen in zip(np.array_split(times, 3), np.array_split(kept, 3), strict=True):
        if not len(piece):
            continue
        expected = whole.observe(0, piece)[chosen]
        progress = Progress.of(piece)
        found = share.follow(0, Progress(progress.preceding_us[chosen], progress.newest_us))
        assert found.tolist() == expected.tolist()
        assert share.advance() == whole.advance()
