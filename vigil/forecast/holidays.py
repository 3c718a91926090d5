"""Public holidays as days that are like weekends."""

from datetime import UTC, datetime, timedelta

from vigil.errors import UsageError

DAY_S = 86_400.0


def public_holidays(place: str, start_s: float, end_s: float) -> frozenset[int]:
    """Days since the epoch, in UTC, that are holidays in a country (`DE`) or a part (`DE-BY`).

    start_s, end_s: epoch seconds of the first and the last instant asked for. Raises UsageError for
    a place that the library `holidays` does not know.
    """
    from holidays import country_holidays

    country, _, part = place.upper().partition("-")
    first, last = (datetime.fromtimestamp(instant, UTC).date() for instant in (start_s, end_s))
    try:
        known = country_holidays(
            country, subdiv=part or None, years=range(first.year, last.year + 1)
        )
    except NotImplementedError as error:
        raise UsageError(
            f"holidays must be of a country such as DE or US-CA, got {place!r}"
        ) from error
    epoch = datetime.fromtimestamp(0, UTC).date()
    return frozenset((day - epoch) // timedelta(days=1) for day in known if first <= day <= last)
