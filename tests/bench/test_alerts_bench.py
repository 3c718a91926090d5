"""The alert bench: its estate behaves, its judge counts, its noise is noise."""

import numpy as np
import polars as pl

from vigil.bench.alerts.detection import FlaggedWindows
from vigil.bench.alerts.estate import FAULTS, NOISE, START, Estate, Event, plan, simulate
from vigil.bench.alerts.judge import JudgedPage, judge

ESTATE = Estate(seed=1, days=9)


def mean(frame: pl.DataFrame, service: int, metric: int, start_s: float, end_s: float) -> float:
    """Average of a metric of a service's first route."""
    at = pl.col("window_start").dt.epoch("s")
    rows = frame.filter(pl.col("series_id") == service * 9 + metric, at >= start_s, at < end_s)
    return float(np.nanmean(rows["value"].to_numpy()))


def test_slowness_travels_to_callers_and_lost_traffic_to_callees():
    """As in a real graph of calls."""
    begin = START.timestamp() + 10 * 3600
    caller = 0
    callee = ESTATE.callees[caller][0]
    slow = Event("latency_step", begin, begin + 3600, callee, 4.0)
    lost = Event("traffic_drop", begin + 7200, begin + 10800, caller, 1.0)
    frame, _ = next(simulate(ESTATE, [slow, lost], []))
    for service in (caller, callee):
        before = mean(frame, service, 2, begin - 3600, begin)
        assert mean(frame, service, 2, begin, begin + 3600) > 1.05 * before
    before = mean(frame, callee, 0, begin, begin + 3600)
    assert mean(frame, callee, 0, begin + 7200, begin + 10800) < before


def test_late_data_are_whole_again_after_their_revision():
    """First a tenth of the requests, then all."""
    begin = START.timestamp() + 3600
    late = Event("late data", begin, begin + 120, 3, 1.0)
    partial, revised = next(simulate(ESTATE, [], [late]))
    assert revised.height == 2 * 9
    first = mean(partial, 3, 0, begin, begin + 120)
    assert first * 9 < mean(revised, 3, 0, begin, begin + 120)


def test_the_plan_has_every_kind_after_the_warm_up():
    """Faults do not overlap."""
    faults, noise = plan(ESTATE, 12, 40)
    assert {fault.kind for fault in faults} == set(FAULTS)
    assert {event.kind for event in noise} == set(NOISE)
    ends = [fault.end_s for fault in faults]
    assert all(a < fault.start_s for a, fault in zip(ends, faults[1:], strict=False))
    assert min(e.start_s for e in (*faults, *noise)) >= START.timestamp() + 2 * 86_400


def test_no_fault_lies_in_the_maintenance_of_its_service():
    """Its page would be muted, and rightly so."""
    estate = Estate(seed=4, days=30)
    faults, noise = plan(estate, 60, 200)
    for window in (event for event in noise if event.kind == "maintenance"):
        muted = estate.reach(window.service, upwards=False)
        for fault in faults:
            if fault.kind != "region_slow" and fault.service in muted:
                assert fault.end_s <= window.start_s or window.end_s <= fault.start_s


def test_pages_are_counted_against_faults_noise_and_causes():
    """Two for one fault, one too late, one for nothing."""
    names = ESTATE.services
    fault = Event("latency_step", 1000.0, 2000.0, 9, 3.0, frozenset(names[:10]))
    noise = Event("deploy blip", 9000.0, 9100.0, 20, 1.0)
    pages = [
        JudgedPage(1200.0, frozenset([names[9], names[0]]), names[9]),
        JudgedPage(1300.0, frozenset([names[0]]), names[0]),
        JudgedPage(5000.0, frozenset([names[0]]), names[0]),
        JudgedPage(9050.0, frozenset([names[20]]), names[20]),
    ]
    row = judge("x", ESTATE, [fault], [noise], pages)
    assert (row["faults_paged"], row["pages_per_fault"], row["cause_right"]) == (1.0, 2.0, 1.0)
    assert row["for_nothing_a_week"] == 2.0
    assert row["for_nothing"] == {"no noise at all": 1, "deploy blip": 1}


def flagged(*windows: tuple[int, float, bool, int]) -> pl.DataFrame:
    """Decisions of (service, seconds since the begin, flagged, revision)."""
    rows = [
        (service * 9, ESTATE.services[service], pl.from_epoch(pl.Series([at])).item(), flag, number)
        for service, at, flag, number in windows
    ]
    columns = ["series_id", "service", "window_start", "flagged", "revision"]
    return pl.DataFrame(rows, schema=columns, orient="row").cast(
        {"window_start": pl.Datetime("us")}
    )


def test_a_fault_is_found_by_the_first_flag_of_a_service_that_it_hits():
    """Not by a service it does not hit, nor by a revision, which comes late."""
    begin = int(ESTATE.scored_from_s) + 36_000
    names = ESTATE.services
    hit = Event("latency_step", begin, begin + 1800, 9, 3.0, frozenset(names[9:11]))
    unseen = Event("error_burst", begin + 7200, begin + 9000, 20, 0.1, frozenset([names[20]]))
    flags = FlaggedWindows()
    flags.add(flagged((30, begin + 60, True, 0), (9, begin, True, 1), (10, begin + 60, False, 0)))
    flags.add(flagged((10, begin + 120, True, 0), (9, begin + 180, True, 0)))
    judged = flags.judge(ESTATE, [hit, unseen], [])
    assert (judged["recall"], judged["median_delay_windows"]) == (0.5, 3.0)
    assert judged["missed"] == {"error_burst": 1}
    assert judged["recall_by_chance"] == 0.0


def test_runs_of_flags_are_unexplained_outside_faults_noise_and_warm_up():
    """Flags close together are one run; a maintenance explains what is behind it."""
    begin = int(ESTATE.scored_from_s) + 36_000
    behind = ESTATE.callees[0][0]
    apart = min(set(range(len(ESTATE.callees))) - ESTATE.reach(0, upwards=False))
    stopped = Event("maintenance", begin, begin + 1800, 0, 1.0)
    flags = FlaggedWindows()
    flags.add(flagged((apart, begin - 80_000, True, 0), (behind, begin + 300, True, 0)))
    flags.add(
        flagged(
            (apart, begin, True, 0), (apart, begin + 120, True, 0), (apart, begin + 900, True, 0)
        )
    )
    judged = flags.judge(ESTATE, [], [stopped])
    assert judged["unexplained_flag_runs_a_week"] == 2.0
