"""Lines to shapes: words and punctuation stay, values become one placeholder."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigil.logs.lexer import MAX_TOKENS
from vigil.logs.lines import lines_of, split_lines
from vigil.logs.shape import shape_of


def text(line: str) -> str:
    """The line as a template."""
    return shape_of(line.encode()).text()


@pytest.mark.parametrize(
    ("line", "template"),
    [
        ("took 17 ms", "took <*>"),
        ("sent 18.4 KB of 2 GiB", "sent <*> of <*>"),
        ("peer 10.0.0.7:443 gone", "peer <*> gone"),
        ("peer fe:dc:0a:ba:be:ef gone", "peer <*> gone"),
        ("job b9000564-fe1a-409b-b8cc-1e88b294cd1d done", "job <*> done"),
        ("blocks 1, 2, 3 4 lost", "blocks <*>, <*>, <*> lost"),
        ("steps 14##93##5", "steps <*>"),
        ("open /etc/httpd/conf.d failed", "open <*> failed"),
        ("get https://shop.example/cart?id=x&y=z failed", "get <*> failed"),
        ("user= host=a", "user=<*> host=a"),
        ("from 10.0.0.7 () closed", "from <*> (<*>) closed"),
        ("since Mon Jul 25 2005", "since <*>"),
        ("May I", "May I"),
        ("ok=true ready: false", "ok=<*> ready: <*>"),
        ('tag="View Lock" x', "tag=<*> x"),
        ('msg="cache is full"', 'msg="cache is full"'),
        ("lifetime <1 sec", "lifetime <*>"),
        ("stack @0x7fed @0x7fef", "stack <*>"),
        ("init() done.", "init() done."),
        ("task 3 (id 7). 12 bytes", "task <*> (id <*>). <*> bytes"),
        ("fans 3552 **** 4245", "fans <*>"),
        ("**** new sweep ****", "**** new sweep ****"),
        ("to www.shop.example:443 and back", "to <*> and back"),
        ("ready= true, x", "ready=<*>, x"),
    ],
)
def test_values_of_general_shape_become_placeholders(line, template):
    """Numbers with units, addresses, ids, lists, paths, dates, literals, quoted values, nothing."""
    assert text(line) == template


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_have_a_shape(line):
    """Never an error, always bounded."""
    shape = shape_of(line)
    assert len(shape.tokens) <= MAX_TOKENS
    assert len(shape.tokens) == len(shape.hashes) == len(shape.glued)


@settings(deadline=None)  # the first call may compile
@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_a_shape_does_not_depend_on_numbers(one, other):
    """Lines that differ in a number are alike."""
    a, b = (shape_of(f"block {n} is full".encode()) for n in (one, other))
    assert a.hash() == b.hash()


def test_shapes_that_differ_in_one_place_share_the_rest():
    """That is how rivals find each other."""
    one, other = shape_of(b"link is up now"), shape_of(b"link is down now")
    assert one.hash() != other.hash()
    assert one.rest_hash(2) == other.rest_hash(2)
    assert one.rest_hash(1) != other.rest_hash(1)
    assert one.opened(2).hash() == shape_of(b"link is 7 now").hash()


def test_a_line_of_many_tokens_is_cut():
    """What comes later does not tell lines apart."""
    assert len(shape_of(b"a " * 1_000).tokens) < MAX_TOKENS


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]))))
def test_lines_of_texts_and_of_a_block_are_the_same(texts):
    """Columns of text and files go the same way."""
    lines = lines_of(texts)
    assert [lines.text(n) for n in range(len(lines))] == texts
    block = split_lines("".join(f"{line}\n" for line in texts).encode())
    assert [block.text(n) for n in range(len(block))] == texts
