"""What was fetched ahead is handed out in order, in portions of any size, each message once."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vigil.events.joined import Joined
from vigil.stores.kafka_ahead import FetchedAhead
from vigil.stores.kafka_columns import Run


def run(offsets: list[int], values: list[bytes]) -> Run:
    """Messages at these offsets."""
    none = np.zeros(len(values), np.int64)
    return Run(
        "t", 0, None, np.array(offsets, np.int64), none, values, Joined(b"", none, none),
        none > 0, [{}] * len(values),
    )  # fmt: skip


# Gaps between offsets are what transactions leave; a run may begin before the position.
GAPS = st.lists(st.integers(1, 3), min_size=1, max_size=6)
PORTIONS = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 40)), min_size=1, max_size=6)


@given(fetched=st.lists(GAPS, max_size=5), portions=PORTIONS, position=st.integers(0, 6))
def test_each_message_from_the_position_on_is_handed_out_once(fetched, portions, position):
    """Within the bounds, but at least one; the counts in between are those of what is left."""
    ahead = FetchedAhead(position, position)
    offset, kept = -1, []
    for gaps in fetched:
        offsets = (offset + np.cumsum(gaps)).tolist()
        offset = offsets[-1]
        values = [b"v" * (each % 17) for each in offsets]
        ahead.keep(run(offsets, values))
        kept += [each for each in zip(offsets, values, strict=True) if each[0] >= position]
    handed = []
    while ahead.fetched:
        most, most_bytes = portions[len(handed) % len(portions)]
        taken = ahead.hand_out(most, most_bytes)
        found = [(int(at), value) for part in taken
                 for at, value in zip(part.offset, part.value, strict=True)]  # fmt: skip
        assert len(found) == 1 or sum(len(value) for _, value in found) <= most_bytes
        assert 1 <= len(found) <= most
        handed += found
        left = kept[len(handed) :]
        assert (ahead.buffered, ahead.buffered_bytes) == (len(left), sum(len(v) for _, v in left))
        assert ahead.taken_to == found[-1][0] + 1
    assert handed == kept
    assert ahead.hand_out(1, 1) == []
