"""Settings that earlier versions had, and what became of them."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """A setting `name` that is called `became` now, or is gone; `why` in a clause."""

    name: str
    became: str | None
    why: str

    @property
    def words(self) -> str:
        """`is called x now: …`, or `is gone: …`."""
        return f"{f'is called {self.became} now' if self.became else 'is gone'}: {self.why}"


# The oldest first: a setting may have been renamed twice.
CHANGES: Sequence[Change] = (Change("checkpoint_s", None, "the scorer commits each step at once"),)


def change_of(name: str) -> Change | None:
    """What became of a setting, None where there never was one of that name."""
    return next((change for change in CHANGES if change.name == name), None)


def migrated(text: str) -> tuple[str, list[str]]:
    """(a configuration file as this version wants it, what was changed, a sentence each).

    Comments, order and everything else stay as they were. Where the new name is set as well the
    old one is only taken out.
    """
    # Every process reads settings, but only this rewrites them.
    import tomlkit

    document, done = tomlkit.parse(text), []
    for change in CHANGES:
        if change.name not in document:
            continue
        value = document.pop(change.name)
        if change.became and change.became not in document:
            document.add(change.became, value)
        done.append(f"{change.name} {change.words}")
    return tomlkit.dumps(document), done
