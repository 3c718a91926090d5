"""Answers of the ledger: why a window was, or was not, alerted on; as facts and in words."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import sqlalchemy as sa

from vigil.detect.gates import GATES, shut_gates
from vigil.errors import UsageError
from vigil.events.schema import KEY_COLUMNS
from vigil.features.observations import SCORED_METRICS
from vigil.incidents.incident import DISMISSED, PENDING, series_name
from vigil.stores.alerting import SENT, AlertStore
from vigil.stores.timescale import WindowStore

SUGGESTIONS = 5
INCIDENT_FACTS = (
    "incident_id", "status", "severity", "opened_at", "resolved_at", "title", "origin", "services",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that is known of one window of one series.

    `decisions` holds a row a revision, the last one counts; `gates` name → passed, shut or not
    reached; `incident` is None where nothing came of it; `decided` and `sent` are what the
    dispatcher did about it. `words` is the same in sentences.
    """

    series_id: int
    series: str
    window_start: datetime | None
    flagged: bool
    decisions: Sequence[Mapping[str, Any]] = ()
    gates: Mapping[str, str] = field(default_factory=dict)
    incident: Mapping[str, Any] | None = None
    joined_because: str = ""
    decided: Sequence[Mapping[str, Any]] = ()
    sent: Sequence[Mapping[str, Any]] = ()
    words: Sequence[str] = ()

    @property
    def paged(self) -> bool:
        """True where a message about its incident reached somebody."""
        return any(sent["status"] == SENT for sent in self.sent)

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class Ledger:
    """Asks the ledger of one database. `alert_rates`: (request metrics, all others)."""

    def __init__(self, engine: sa.Engine, window_s: int, alert_rates: tuple[float, float]) -> None:
        self._engine = engine
        self._window = timedelta(seconds=window_s)
        self._store = WindowStore(engine)
        self._alert_rates = alert_rates

    def explain(self, name: str, at: datetime) -> Explanation:
        """The decision on the window of the series that holds `at`.

        Raises UsageError where `name` means no series or several.
        """
        series = find_series(self._store.series(), name)
        instant = timedelta(microseconds=1)
        rows = self._store.scores(
            at - self._window + instant, at + instant, series_ids=[series["series_id"]]
        )
        label = series_name(series["metric"], series)
        if rows.is_empty():
            words = [
                f"No window of {label} is known at {at:%Y-%m-%d %H:%M:%S} UTC.",
                self._reach(series["series_id"]),
            ]
            return Explanation(series["series_id"], label, None, False, words=words)
        window_start = rows["window_start"][-1]
        decisions = rows.filter(pl.col("window_start") == window_start).drop("series_id").to_dicts()
        last = decisions[-1]
        incident, because = self._incident(series["series_id"], window_start)
        decided, sent = self._told(incident)
        return Explanation(
            series_id=series["series_id"],
            series=label,
            window_start=window_start,
            flagged=last["flagged"],
            decisions=decisions,
            gates=gate_outcomes(last),
            incident=incident,
            joined_because=because,
            decided=decided,
            sent=sent,
            words=[
                *decision_words(label, decisions, self._rate(series["metric"])),
                *incident_words(incident, because, last["flagged"]),
                *map(decided_words, decided),
                *map(sent_words, sent),
            ],
        )

    def _rate(self, metric: str) -> float:
        return self._alert_rates[metric not in SCORED_METRICS]

    def _reach(self, series_id: int) -> str:
        """What the ledger does know of the series."""
        query = sa.text(
            "SELECT min(first) AS first, max(last) AS last FROM ("
            " SELECT min(window_start) AS first, max(window_start) AS last FROM scores"
            " WHERE series_id = :id UNION ALL"
            " SELECT min(block_start), max(block_start) FROM score_blocks WHERE series_id = :id"
            ") AS reach"
        )
        with self._engine.connect() as connection:
            found = connection.execute(query, {"id": series_id}).one()
        if found.first is None:
            return "The series has no decisions at all yet."
        first, last = (f"{at:%Y-%m-%d %H:%M}" for at in (found.first, found.last))
        return f"The ledger knows it from {first} to {last} UTC."

    def _incident(self, series_id: int, at: datetime) -> tuple[dict[str, Any] | None, str]:
        query = sa.text(
            "SELECT a.reason, i.document FROM attributions a LEFT JOIN incidents i"
            " USING (incident_id) WHERE a.series_id = :series_id AND a.window_start = :at"
        )
        with self._engine.connect() as connection:
            found = connection.execute(query, {"series_id": series_id, "at": at}).first()
        if found is None or found.document is None:
            return None, "" if found is None else found.reason
        kept = (
            "incident_id",
            "status",
            "severity",
            "opened_at",
            "resolved_at",
            "title",
            "origin",
            "services",
        )
        return {name: found.document.get(name) for name in kept}, found.reason

    def _told(self, incident: Mapping[str, Any] | None) -> tuple[list[Any], list[Any]]:
        """What was decided and sent about the incident, oldest first."""
        if incident is None:
            return [], []
        with self._engine.connect() as connection:
            store = AlertStore(connection)
            number = incident["incident_id"]
            return store.log_of(number), store.notifications_of(number)


def find_series(series: pl.DataFrame, name: str) -> dict[str, Any]:
    """The one series meant by `name`: its id, or words that together occur in no other.

    Words are compared with metric and key columns, whole ones first, then parts of them.
    """
    if re.fullmatch(r"-?\d+", name.strip()):
        found = series.filter(pl.col("series_id") == int(name))
        if found.is_empty():
            raise UsageError(f"no series has the id {name}")
        return found.row(0, named=True)
    words = name.replace(",", " ").split()
    fields = ("metric", *KEY_COLUMNS)
    for matches in (_equals, _contains):
        found = series.filter(
            pl.all_horizontal(
                pl.any_horizontal(matches(field, word) for field in fields) for word in words
            )
            if words
            else pl.lit(True)
        )
        if found.height == 1:
            return found.row(0, named=True)
        if found.height > 1:
            shown = [_listed(row) for row in found.head(SUGGESTIONS).iter_rows(named=True)]
            raise UsageError(
                f"{name!r} means {found.height} series, add a word or give the id: "
                + "; ".join(shown)
            )
    raise UsageError(f"no series matches {name!r}{_near(series, words)}")


def _equals(field: str, word: str) -> pl.Expr:
    return (pl.col(field) == word).fill_null(False)


def _contains(field: str, word: str) -> pl.Expr:
    return (
        pl.col(field).str.to_lowercase().str.contains(word.lower(), literal=True).fill_null(False)
    )


def _listed(row: Mapping[str, Any]) -> str:
    return f"{series_name(row['metric'], row)} ({row['series_id']})"


def _near(series: pl.DataFrame, words: Sequence[str]) -> str:
    known = {
        value
        for field in ("metric", "service", "environment", "route", "region")
        for value in series[field].unique().drop_nulls().to_list()
    }
    close = [
        match for word in words for match in difflib.get_close_matches(word, sorted(known), n=1)
    ]
    return f"; the nearest names are {', '.join(dict.fromkeys(close))}" if close else ""


def gate_outcomes(decision: Mapping[str, Any]) -> dict[str, str]:
    """Gate → passed, shut, or not reached: gates are asked only when the evidence is unusual."""
    if not decision["flagged"] and not decision["gate"]:
        return {gate.name: "not reached" for gate in GATES}
    shut = {gate.name for gate in shut_gates(decision["gate"])}
    return {gate.name: "shut" if gate.name in shut else "passed" for gate in GATES}


def decision_words(
    label: str, decisions: Sequence[Mapping[str, Any]], alert_rate: float
) -> list[str]:
    """What was measured, what was expected, and what the detector made of it."""
    last = decisions[-1]
    at = last["window_start"]
    words = [f"{label} at {at:%Y-%m-%d %H:%M:%S} UTC: {_measured(last)}."]
    if len(decisions) > 1:
        first = decisions[0]
        words.append(
            f"Late events revised the window {len(decisions) - 1} time(s): at first it was"
            f" {_number(first['actual'])}, p {first['p']:.2g},"
            f" {'flagged' if first['flagged'] else 'not flagged'}."
        )
    words.append(_verdict(last, alert_rate))
    if last["warming_up"] < 1:
        words.append(f"The series was {last['warming_up']:.0%} warmed up.")
    words.append(f"Scored by {last['model']}.")
    return words


def _measured(decision: Mapping[str, Any]) -> str:
    if decision["actual"] is None:
        return "nothing was measured"
    expected = ""
    if decision["expected"] is not None:
        expected = f", expected {_number(decision['expected'])}"
    band = ""
    if decision["lower"] is not None and decision["upper"] is not None:
        band = f" (usual {_number(decision['lower'])} to {_number(decision['upper'])})"
    behind = f", {decision['weight']:.0f} requests behind it" if decision["weight"] != 1 else ""
    return f"{_number(decision['actual'])}{expected}{band}{behind}"


def _verdict(decision: Mapping[str, Any], alert_rate: float) -> str:
    p = decision["p"]
    odds = f"this unusual once in {1 / max(p, 1e-12):,.0f} windows (p {p:.2g}, score {1 - p:.4f})"
    if decision["flagged"]:
        return f"It was flagged: {odds}, and every gate was open."
    held = shut_gates(decision["gate"])
    if held:
        reasons = "; ".join(f"{gate.name}: {gate.held}" for gate in held)
        return f"It was not flagged although it is {odds}: {reasons}."
    if decision["actual"] is None:
        return "It was not flagged: there was nothing to judge."
    if p <= alert_rate:
        return (
            f"It was not flagged although it is {odds}: measured in the series' own noise it does"
            " not stand out far enough."
        )
    return f"It was not flagged: {odds}, and only below p {alert_rate:g} a window counts."


def incident_words(incident: Mapping[str, Any] | None, because: str, flagged: bool) -> list[str]:
    """Where a flagged window went."""
    if incident is None:
        excuse = f": {because}" if because else " yet"
        return [f"It belongs to no incident{excuse}."] if flagged else []
    since = f"{datetime.fromisoformat(incident['opened_at']):%Y-%m-%d %H:%M:%S} UTC"
    words = [
        f"It joined incident {incident['incident_id']} ({incident['title']}; {incident['status']},"
        f" began {since}): {because}."
    ]
    if incident["status"] in (PENDING, DISMISSED):
        words.append(
            f"Nobody was told: it {'has' if incident['status'] == PENDING else 'had'} not lasted as"
            f" long as severity {incident['severity']} asks."
        )
    return words


def decided_words(entry: Mapping[str, Any]) -> str:
    """One decision of the dispatcher."""
    return f"{entry['at']:%Y-%m-%d %H:%M:%S} UTC, {entry['kind']}: {entry['words']}."


def sent_words(sent: Mapping[str, Any]) -> str:
    """What became of one message."""
    what = f"The {sent['action']} message to {sent['channel']}"
    if sent["status"] == SENT:
        return f"{what} was taken at {sent['sent_at']:%Y-%m-%d %H:%M:%S} UTC."
    error = f": {sent['last_error']}" if sent["last_error"] else ""
    states = {
        "waiting": "waits",
        "failed": "was given up and went to the fallback",
        "dead": "was taken by no channel",
    }
    return f"{what} {states[sent['status']]} after {sent['attempts']} attempts{error}."


def _number(value: float | None) -> str:
    return "nothing" if value is None else f"{value:,.4g}"
