"""The header of a log is learned from its lines."""

import random

import pytest

from vigil.logs.header import Header, learn_header
from vigil.logs.lines import lines_of

MESSAGES = (
    "connection from {ip} closed",
    "user {word} logged in",
    "{n} requests in queue, oldest {n} ms",
    "cache miss for key {word}",
    "retrying in {n} s: upstream {ip} refused the connection",
    "shutting down",
    "GET /orders/{n} answered 200",
)

FORMATS = {
    "syslog": "Mar  2 08:{mm}:{ss} {host} {component}[{n}]: {message}",
    "syslog without pid": "Mar 2 08:{mm}:{ss} {host} {component}: {message}",
    "log4j": "2026-03-02 08:{mm}:{ss},123 {LEVEL} [thread-{n}] com.shop.{component}: {message}",
    "log4j with dash": "2026-03-02 08:{mm}:{ss},123 - {LEVEL} [{component}@{n}] - {message}",
    "python": "2026-03-02 08:{mm}:{ss},123 - shop.{component} - {LEVEL} - {message}",
    "spring": "2026-03-02T08:{mm}:{ss}.123Z  {LEVEL} {n} --- [main] s.{component} : {message}",
    "logcat": "03-02 08:{mm}:{ss}.123  {n}  {n} {L} {component}: {message}",
    "piped": "20260302-08:{mm}:{ss}:123|{component}|{n}|{message}",
    "bracketed": "[Mon Mar 02 08:{mm}:{ss} 2026] [{level}] {message}",
    "windows": "2026-03-02 08:{mm}:{ss}, {LEVEL}    {message}",
    "epoch": "1772438{n} 2026.03.02 {host} {level} {message}",
    "postgres": "2026-03-02 08:{mm}:{ss}.123 UTC [{n}] {LEVEL}:  {message}",
}


def _line(form: str, random_: random.Random) -> tuple[str, str]:
    number = str(random_.randrange(100, 999))
    message = random_.choice(MESSAGES).format(
        ip=f"10.0.0.{number}",
        n=number,
        word=random_.choice(("ann", "bob", "eve", "kim", "max", "joe")),
    )
    level = random_.choice(("info", "warn", "error"))
    line = form.format(
        mm=random_.randrange(10, 60), ss=random_.randrange(10, 60), n=number, LEVEL=level.upper(),
        level=level, L=level[0].upper(), message=message, host=random_.choice(("web-1", "web-2")),
        component=random_.choice(("cart", "billing", "search")),
    )  # fmt: skip
    return line, message


@pytest.mark.parametrize("name", FORMATS)
def test_messages_are_found_behind_the_header(name):
    """The usual formats, without being told which."""
    random_ = random.Random(name)
    made = [_line(FORMATS[name], random_) for _ in range(300)]
    lines = lines_of([line for line, _ in made])
    found = learn_header(lines).strip(lines)
    assert [found.text(n) for n in range(300)] == [message for _, message in made]


def test_lines_without_the_header_are_kept_whole():
    """A stack trace goes on below its line."""
    form = "2026-03-02 08:{mm}:{ss},123 {LEVEL} shop.{component}: {message}"
    random_ = random.Random(1)
    texts = [_line(form, random_)[0] for _ in range(300)]
    texts[150] = "    at com.shop.Cart.add(Cart.java:17)"
    lines = lines_of(texts)
    assert learn_header(lines).strip(lines).text(150) == texts[150]


def test_bare_messages_have_no_header():
    """Nothing is taken from lines that are messages already."""
    random_ = random.Random(2)
    lines = lines_of([_line("{message}", random_)[1] for _ in range(300)])
    assert learn_header(lines) == Header()
    assert learn_header(lines_of([])) == Header()
