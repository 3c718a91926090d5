"""What the mixture does not choose for each series itself, in one place so that it can be tried."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ForecastSettings:
    """half_life: share of the history after which an error counts half. unlike: what an error
    counts whose origin or target was another kind of day, working or weekend, than now.
    """

    half_life: float = 0.5
    unlike: float = 0.2


DEFAULT_SETTINGS = ForecastSettings()
