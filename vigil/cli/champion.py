"""How commands that change the champion tell of it."""

from vigil.cli.output import print_facts, print_json
from vigil.stores.registry import Champion


def print_champion(heading: str, champion: Champion, as_json: bool) -> None:
    """The bundle that is in force now, since when and why."""
    facts = {
        "champion": champion.bundle_id,
        "promoted_at": champion.promoted_at.isoformat(),
        "reason": champion.reason,
    }
    if as_json:
        print_json(facts)
    else:
        print_facts(heading, facts)
