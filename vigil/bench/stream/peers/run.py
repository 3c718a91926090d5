"""Other stream libraries over the same topic, each in a process of the peers' environment."""

import json
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

from vigil.bench.stream.peers.environment import peers_python
from vigil.config import Settings
from vigil.errors import VigilError
from vigil.events.schema import TOPIC_EVENTS

PROGRAMS = {
    "bytewax": "bytewax_windows.py",
    "quix-streams": "quix_windows.py",
    "river": "river_trees.py",
}
PEER_S = 300.0
# The slow ones get the first events only, the others all.
MOST_EVENTS = {"quix-streams": 100_000, "river": 5_000}


def peer_rates(events: int) -> dict[str, Callable[[Settings], float]]:
    """Peer → its events a second over a topic on Kafka that has so many.

    Installs the peers first: that is not part of any time.
    """
    peers_python()
    return {
        name: partial(_rate, name, min(events, MOST_EVENTS.get(name, events))) for name in PROGRAMS
    }


def _rate(name: str, events: int, settings: Settings) -> float:
    return peer_rate(name, settings.log_url.removeprefix("kafka://"), TOPIC_EVENTS, events)


def peer_rate(name: str, broker: str, topic: str, events: int) -> float:
    """Events a second of one peer, by its own clock, without its start.

    Raises VigilError when it fails or does not see every event.
    """
    program = Path(__file__).parent / "programs" / PROGRAMS[name]
    command = [str(peers_python()), str(program), broker, topic, str(events)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PEER_S, check=True)
    except subprocess.CalledProcessError as error:
        last = error.stderr.strip().splitlines()[-1:]
        raise VigilError(f"{name} failed: {' '.join(last)}") from error
    except subprocess.TimeoutExpired as error:
        raise VigilError(f"{name} took longer than {PEER_S:.0f} s") from error
    found = json.loads(done.stdout.splitlines()[-1])
    if found["events"] != events:
        raise VigilError(f"{name} saw {found['events']} of {events} events: its rate means nothing")
    return round(events / float(found["seconds"]))
