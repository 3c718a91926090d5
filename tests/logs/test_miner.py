"""Templates, mined as the lines come."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vigil.logs.lines import lines_of
from vigil.logs.miner import TemplateMiner
from vigil.logs.slots import Place, is_open


def mined(*batches: list[str]) -> list[str]:
    """The template of each line once all batches were seen."""
    miner = TemplateMiner()
    numbers = []
    for batch in batches:
        numbers.append(miner.observe(lines_of(batch)))
        miner.settle()
    texts = dict(miner.table().select("number", "template").iter_rows())
    return [texts[number] for number in miner.resolve(np.concatenate(numbers)).tolist()]


def test_names_of_messages_stay_and_values_go():
    """Few words that come again and again are names; words that keep being new are values."""
    states = [f"machine is {word} now" for word in ("up", "down", "idle")] * 20
    users = [
        f"session of user {word} was closed" for word in ("ann", "bob", "eve", "kim", "max", "joe")
    ]
    found = mined(states + users)
    assert found[:3] == ["machine is up now", "machine is down now", "machine is idle now"]
    assert set(found[60:]) == {"session of user <*> was closed"}


def test_a_place_that_held_a_number_holds_values():
    """A host is an address here and a name there."""
    found = mined(["reply from 10.0.0.7 was late", "reply from gateway was late"])
    assert set(found) == {"reply from <*> was late"}


def test_values_are_recognised_after_the_same_word():
    """What `user` is followed by in one message is a value in another."""
    names = ("ann", "bob", "eve", "kim", "max", "joe")
    found = mined(
        [f"session of user {name} was closed" for name in names],
        ["quota of user ann", "quota of user bob"] * 9,
    )
    assert set(found[len(names) :]) == {"quota of user <*>"}


def test_forms_of_a_value_are_one_template():
    """Where a plain value may stand, a word with a value in it, or made for machines, is one."""
    synced = mined(["synced to LOCAL(0), stratum 4", "synced to 10.0.0.7, stratum 4"])
    assert set(synced) == {"synced to <*>, stratum <*>"}
    bound = mined(["register com.shop.Cart as cart.Item", "register x1 as x2"])
    assert set(bound) == {"register <*> as <*>"}
    apart = mined(["read(3) failed twice", "write(3) failed twice"])
    assert len(set(apart)) == 2


def test_several_values_may_be_open_at_once():
    """No two lines differ in one word only; other messages of the same build stay apart."""
    letters = "abcdefghijklmnopqrst"
    logins = [
        f"login of user {a * 3} from host {b * 4} ok"
        for a, b in zip(letters, letters[::-1], strict=True)
    ]
    states = [f"disk of this {what} is full right now" for what in ("host", "node")] * 20
    found = mined(logins + states)
    assert set(found) == {
        "login of user <*> from host <*> ok",
        "disk of this host is full right now",
        "disk of this node is full right now",
    }


def test_identifiers_after_an_equals_sign_are_values():
    """`key=word` with words made for machines."""
    names = ("com.shop.cart", "com.shop.billing")
    found = mined([f"lock taken by owner name={name} for good" for name in names] * 5)
    assert set(found) == {"lock taken by owner name=<*> for good"}


def test_numbers_given_out_stay_valid():
    """Templates that grow together keep the number and the id of the oldest."""
    miner = TemplateMiner()
    first = miner.observe(lines_of(["login of ann by web form", "login of bob by web form"]))
    before = miner.table()
    assert first[0] != first[1]
    miner.observe(lines_of([f"login of {name} by web form" for name in ("eve", "kim", "joe")]))
    miner.settle()
    assert miner.resolve(first).tolist() == [first[0], first[0]]
    after = miner.table()
    assert after["template"].to_list() == ["login of <*> by web form"]
    assert after["template_id"][0] == before["template_id"][0]
    assert after["lines"].to_list() == [5]


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["a b 1", "a b 2", "c d", "e f g", "x=1 y"]), max_size=60), st.data()
)
def test_templates_do_not_depend_on_the_batches(lines, data):
    """Cut anywhere, the lines get the same templates."""
    cut = data.draw(st.integers(0, len(lines)))
    assert mined(lines[:cut], lines[cut:]) == mined(lines)


def test_memory_is_bounded():
    """Beyond the bound shapes go under one template; those known go on."""
    words = "".join(chr(97 + n) for n in range(26))
    noise = [" ".join(np.random.default_rng(n).permutation(list(words))[:6]) for n in range(300)]
    miner = TemplateMiner(max_patterns=50)
    numbers = miner.observe(lines_of(["known message", *noise, "known message"]))
    miner.settle()
    assert miner.table().height <= 51
    assert miner.table()["lines"].sum() == 302
    texts = dict(miner.table().select("number", "template").iter_rows())
    numbers = miner.resolve(numbers).tolist()
    assert [texts[numbers[n]] for n in (0, -2, -1)] == ["known message", "<*>", "known message"]


def test_the_first_word_needs_more_proof():
    """Sentences of few words that begin differently are different messages."""
    names = [f"{name} startup succeeded" for name in ("cups", "cron", "sshd", "ntpd", "named")]
    assert len(set(mined(names))) == 5
    assert is_open(Place([1] * 9, common_words=6, is_first=True))
    assert not is_open(Place([1] * 9, common_words=2, is_first=True))


def test_a_vocabulary_that_stopped_growing_is_closed():
    """One word seen once among thousands is a rare message, not a value."""
    assert is_open(Place([43, 43, 36, 1], common_words=4))
    assert not is_open(Place([4_300, 4_300, 3_600, 1], common_words=4))
