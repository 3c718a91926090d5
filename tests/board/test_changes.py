"""The feed: sections stay current, and listeners get exactly what they lack."""

import anyio
import orjson
import pytest

from vigil.board.feed import Feed, Section
from vigil.errors import StoreError


class FakeReader:
    """A reader whose content the test sets."""

    def __init__(self) -> None:
        self.content: dict = {"estate": [1], "stream": {"lag": 0}}
        self.epoch = 0
        self.reads = 0
        self.down = ""

    def stamp(self) -> tuple:
        if self.down:
            raise StoreError(self.down)
        return (self.epoch,)

    def sections(self) -> dict:
        self.reads += 1
        return self.content


async def collect(feed: Feed, known: dict[str, str], count: int) -> dict[str, Section]:
    """The next `count` changes."""
    found: dict[str, Section] = {}
    with anyio.fail_after(5):
        async for name, section in feed.changes(known):
            found[name] = section
            if len(found) == count:
                break
    return found


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.mark.anyio
async def test_sections_are_read_again_only_when_the_stamp_has_changed():
    """Asking whether something happened is cheap, reading is not."""
    reader = FakeReader()
    feed = Feed(reader)
    await feed.refresh()
    await feed.refresh()
    assert reader.reads == 1
    reader.epoch = 1
    await feed.refresh()
    assert reader.reads == 2


@pytest.mark.anyio
async def test_a_listener_gets_what_differs_from_what_it_knows():
    """After a reconnection, also to another server, the same content is not sent again."""
    reader = FakeReader()
    first, second = Feed(reader), Feed(reader)
    await first.refresh()
    known = {name: section.version for name, section in first.sections.items()}
    reader.content = {"estate": [1], "stream": {"lag": 7}}
    await second.refresh()
    assert set(await collect(second, known, 1)) == {"stream"}
    assert set(await collect(second, {}, 3)) == {"estate", "stream", "problem"}


@pytest.mark.anyio
async def test_a_change_wakes_a_waiting_listener():
    """And carries the new content."""
    reader = FakeReader()
    feed = Feed(reader)
    await feed.refresh()
    known = {name: section.version for name, section in feed.sections.items()}
    async with anyio.create_task_group() as tasks:

        async def later() -> None:
            await anyio.sleep(0.05)
            reader.content, reader.epoch = {"estate": [2], "stream": {"lag": 0}}, 1
            await feed.refresh()

        tasks.start_soon(later)
        [(name, section)] = (await collect(feed, known, 1)).items()
    assert (name, orjson.loads(section.body)) == ("estate", [2])


@pytest.mark.anyio
async def test_an_outage_is_told_and_ends():
    """The other sections stay as they were; afterwards they are read afresh."""
    reader = FakeReader()
    feed = Feed(reader, poll_s=0.01, retry_s=0.01)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(feed.keep_current)
        await collect(feed, {}, 3)
        reader.down = "the database is down"
        known = {name: section.version for name, section in feed.sections.items()}
        [(name, section)] = (await collect(feed, known, 1)).items()
        assert (name, orjson.loads(section.body)) == ("problem", "the database is down")
        assert orjson.loads(feed.sections["estate"].body) == [1]
        reader.down = ""
        [(name, section)] = (await collect(feed, {**known, "problem": section.version}, 1)).items()
        assert orjson.loads(section.body) is None
        assert reader.reads == 2
        tasks.cancel_scope.cancel()
