"""Numbers in sentences."""


def counted(number: float, noun: str) -> str:
    """The number with its noun, in the singular for one.

    >>> counted(1, "window"), counted(12_000, "window")
    ('1 window', '12,000 windows')
    """
    return f"{number:,.0f} {noun}{'' if round(number) == 1 else 's'}"
