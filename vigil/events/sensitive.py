"""Numbers and addresses that an expression finds but cannot judge: payment cards, IPv6."""

import ipaddress

import numpy as np
import polars as pl

# The first digit is that of a payment network; dates, ids and epochs mostly begin otherwise.
CARD = r"\b[2-6](?:[ -]?[0-9]){12,18}\b"
IPV6 = r"\b[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}\b"

_LONGEST_CARD = 19
_KEPT_IPV6_BITS = 48


def is_card(candidates: pl.Series) -> pl.Series:
    """Whether numbers of 13 to 19 digits, with spaces or dashes, pass the check of Luhn.

    Source: ISO/IEC 7812-1.

    >>> is_card(pl.Series(["4111 1111 1111 1111", "4111 1111 1111 1112"])).to_list()
    [True, False]
    """
    digits = candidates.str.replace_all("[ -]", "").str.pad_start(_LONGEST_CARD, "0")
    table = np.frombuffer("".join(digits).encode(), np.uint8).reshape(-1, _LONGEST_CARD) - 48
    # From the right every second digit counts twice, less 9 where that has two digits.
    twice = 2 * table[:, -2::-2].astype(np.int64)
    total = (twice - 9 * (twice > 9)).sum(axis=1) + table[:, ::-2].sum(axis=1)
    return pl.Series(total % 10 == 0)


def network_of_ipv6(candidate: str) -> str | None:
    """The /48 network of an IPv6 address; None for a time, a MAC address or the like.

    >>> network_of_ipv6("2001:db8:7:1::17")
    '2001:db8:7::'
    >>> network_of_ipv6("12:30:45") is None
    True
    """
    if not any(letter.isdigit() for letter in candidate):
        # `add::face` is a name in a program.
        return None
    try:
        address = ipaddress.IPv6Address(candidate)
    except ValueError:
        return None
    return str(ipaddress.IPv6Network((address, _KEPT_IPV6_BITS), strict=False).network_address)
