"""When a word in a line is a value: the decision of the miner, on counts alone.

Lines that differ in one place only compete for that place. Its words are the names of different
messages when they are few and come again and again (`started`, `stopped`), and values of one
message when new ones keep coming (users, hosts, files). How many more are to come is told by how
many came once (Good, "The population frequencies of species", Biometrika 1953); the more the lines
have in common besides, the less proof is needed.
"""

from collections.abc import Collection
from dataclasses import dataclass

# Vocabularies that still gain a word in so many lines are open.
GROWTH_SHARE = 0.005


@dataclass(frozen=True, slots=True)
class Place:
    """Where lines differ.

    counts: lines of each word there; common_words: words that all share; has_value: a plain value
    was seen there as well; is_first: no word stands before it; is_known: these words are values
    after the same word elsewhere; is_assigned: the words stand after `=` and most look like
    identifiers (`com.shop.cart`); is_value: the place is open already.
    """

    counts: Collection[int]
    common_words: int
    has_value: bool = False
    is_first: bool = False
    is_known: bool = False
    is_assigned: bool = False
    is_value: bool = False


def is_open(place: Place) -> bool:
    """Whether the words of a place are values of one template.

    >>> is_open(Place([40, 40, 36, 1], common_words=4))
    True
    >>> is_open(Place([44, 22, 22, 21], common_words=4))
    False
    """
    distinct = len(place.counts)
    if place.is_value:
        return True
    if distinct + place.has_value < 2 or place.common_words == 0:
        return False
    if place.has_value:
        return place.common_words >= 2 or distinct >= 2
    if place.is_known or place.is_assigned:
        return True
    if place.is_first and place.common_words < 4:
        return distinct >= 20
    enough, few = (8, 6 if place.is_first else 3) if place.common_words >= 4 else (10, 4)
    return distinct >= enough or (distinct >= few and _is_growing(place.counts))


def _is_growing(counts: Collection[int]) -> bool:
    once = sum(count == 1 for count in counts)
    return once > 0 and once >= GROWTH_SHARE * sum(counts)
