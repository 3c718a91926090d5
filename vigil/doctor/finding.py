"""What a check found."""

from dataclasses import dataclass

OK, NOTE, PROBLEM = "ok", "note", "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of one check; `remedy` is empty where nothing is to be done."""

    check: str
    level: str
    found: str
    remedy: str = ""
