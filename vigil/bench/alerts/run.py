"""The bench: one simulated month, three policies."""

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import orjson
import polars as pl
import sqlalchemy as sa

from vigil.alerts.policy import Policy, parse_policy
from vigil.alerts.replay import Page, Replay
from vigil.bench.alerts.detection import FlaggedWindows
from vigil.bench.alerts.estate import (
    STEPS,
    WINDOW_S,
    Estate,
    Event,
    calendar,
    plan,
    simulate,
)
from vigil.bench.alerts.judge import JudgedPage, judge
from vigil.bench.alerts.peers import PeerPage, PerSeriesZScore, ThresholdGroupBy
from vigil.bench.alerts.replayed import LedgerOfMonth
from vigil.detect import DetectorSettings, OnlineDetector
from vigil.stores.score_blocks import SCORES
from vigil.stream.scoring import Scoring
from vigil.windows.tumbling import WindowSpec

Progress = Callable[[int, int, str], None]
STREAM = "vigil.events"


def bench_alerts(
    days: int,
    faults: int,
    noise: int,
    seed: int,
    progress: Progress = lambda done, total, what: None,
    engine: sa.Engine | None = None,
) -> dict[str, Any]:
    """What the detector found, a row a policy, and how fast Vigil's own policy went.

    With the engine of an empty database also how fast `vigil replay --diff` goes through it.
    """
    estate = Estate(seed, days)
    planned, blips = plan(estate, faults, noise)
    with TemporaryDirectory() as folder:
        policy = vigil_policy(estate, blips, Path(folder))
    replay = Replay(policy, STREAM, WINDOW_S, estate.calls())
    peers = (ThresholdGroupBy(), PerSeriesZScore())
    told: dict[str, list[PeerPage]] = {peer.name: [] for peer in peers}
    scoring = Scoring(WindowSpec(window_s=WINDOW_S), OnlineDetector(DetectorSettings()))
    keys = estate.keys()
    ledger = None if engine is None else LedgerOfMonth(engine, keys, estate.calls())
    flags = FlaggedWindows()
    deciding_s = 0.0
    for day, (observed, revised) in enumerate(simulate(estate, planned, blips)):
        progress(day, days, "scoring and paging")
        time_s = observed["window_start"].head(STEPS).dt.epoch("s").to_numpy().astype(float)
        value = observed["value"].to_numpy().reshape(-1, STEPS)
        mute = muted(estate, blips, time_s)
        for peer in peers:
            told[peer.name] += peer.day(time_s, value, mute)
        rows = scored(scoring, observed, revised, keys)
        flags.add(rows)
        began = time.process_time()
        replay.feed(rows)
        deciding_s += time.process_time() - began
        if ledger is not None:
            ledger.keep(rows)
    progress(days, days, "judging")
    pages = {"vigil": [_judged(page) for page in replay.result.pages if page.channel == "page"]}
    names = estate.services
    for name, found in told.items():
        pages[name] = [
            JudgedPage(p.at_s, frozenset([names[p.service]]), names[p.service]) for p in found
        ]
    policies = [judge(name, estate, planned, blips, found) for name, found in pages.items()]
    return {
        "days": days,
        "series": keys.height,
        "faults": faults,
        "noise": noise,
        "seed": seed,
        "deciding_times_real_time": round(days * 86_400 / deciding_s),
        **({} if ledger is None else {"replay_diff": ledger.replay(policy, days)}),
        "detection": {
            **flags.judge(estate, planned, blips),
            "false_pages_a_week": policies[0]["for_nothing_a_week"],
        },
        "policies": policies,
    }


def vigil_policy(estate: Estate, noise: list[Event], folder: Path) -> Policy:
    """Defaults, one channel, and the planned maintenance of each service in a calendar."""
    names = estate.services
    rules = []
    for number, name in enumerate(names):
        mine = [event for event in noise if event.service == number]
        if any(event.kind == "maintenance" for event in mine):
            (folder / f"{name}.ics").write_text(calendar(mine, names))
            # Everything behind the service gets no traffic from it either.
            behind = sorted(names[below] for below in estate.reach(number, upwards=False))
            rules.append({"name": name, "calendar": f"{name}.ics", "match": {"origin": behind}})
    document = {
        "channels": {"page": {"kind": "terminal"}, "log": {"kind": "terminal"}},
        # What burns no budget is worth a line somewhere, and wakes nobody.
        "route": {
            "receivers": ["page"],
            "routes": [{"match": {"severity": "info"}, "receivers": ["log"]}],
        },
        "maintenance": rules,
    }
    return parse_policy(orjson.dumps(document).decode(), folder=folder)


def muted(estate: Estate, noise: list[Event], time_s: np.ndarray) -> np.ndarray:
    """(services, steps): what the peers' own mute times cover, as generously as Vigil's."""
    mute = np.zeros((len(estate.services), len(time_s)), bool)
    for event in noise:
        if event.kind == "maintenance":
            during = (time_s >= event.start_s - 300) & (time_s < event.end_s + 900)
            for service in estate.reach(event.service, upwards=False):
                mute[service, during] = True
    return mute


def scored(
    scoring: Scoring, observed: pl.DataFrame, revised: pl.DataFrame, keys: pl.DataFrame
) -> pl.DataFrame:
    """Decisions as the stream makes them; late revisions come right behind their windows."""
    traces = pl.lit(None, pl.List(pl.String)).alias("worst_traces")
    frames = []
    for part in (observed, revised):
        if part.height:
            whole = part.with_columns(pl.col("value").fill_nan(None)).join(keys, on="series_id")
            frames.append(scoring.score(whole.with_columns(traces)))
    rows = pl.concat(frames).sort("window_start", "revision", "series_id", maintain_order=True)
    assert set(SCORES) <= set(rows.columns)
    return rows


def _judged(page: Page) -> JudgedPage:
    document = page.document
    return JudgedPage(page.at.timestamp(), frozenset(document["services"]), document["origin"])
