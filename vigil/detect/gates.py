"""The gates between unusual evidence and a flag: their bits, names and rules in words.

A gate that the kernel gains needs one entry here to be spoken of everywhere: in the ledger, in
`vigil why` and in replays.
"""

from dataclasses import dataclass

from vigil.detect import kernel


@dataclass(frozen=True, slots=True)
class Gate:
    """`rule` is what must hold for a flag, `held` what a shut gate says."""

    bit: int
    name: str
    rule: str
    held: str


GATES = (
    Gate(
        kernel.GATE_WARMING,
        "warm-up",
        "the series must have been watched for its first windows",
        "the series was still warming up",
    ),
    Gate(
        kernel.GATE_WEIGHT,
        "traffic",
        "at least three requests must lie behind a latency",
        "too few requests lay behind the value",
    ),
    Gate(
        kernel.GATE_ABSOLUTE,
        "absolute change",
        "at least three requests more than expected must have failed",
        "fewer than three requests more than expected failed",
    ),
    Gate(
        kernel.GATE_RELATIVE,
        "relative change",
        "the value must be a tenth away from the expected one",
        "the value was less than a tenth away from the expected one",
    ),
    Gate(
        kernel.GATE_DIRECTION,
        "direction",
        "latencies and errors must rise",
        "the value fell, and only a rise of it is bad",
    ),
    Gate(
        kernel.GATE_TOLERATED,
        "tolerance",
        "the deviation must exceed what was labelled a false alarm before",
        "a deviation of this size was labelled a false alarm",
    ),
)


def shut_gates(bits: int) -> list[Gate]:
    """The gates that held a flag back."""
    return [gate for gate in GATES if bits & gate.bit]
