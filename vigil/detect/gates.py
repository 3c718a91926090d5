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
        "enough requests must lie behind the value (three behind a latency)",
        "too few requests lay behind the value",
    ),
    Gate(
        kernel.GATE_ABSOLUTE,
        "absolute change",
        "the value must be far enough from the expected one (three failed requests)",
        "the value was less than the least distance away from the expected one",
    ),
    Gate(
        kernel.GATE_RELATIVE,
        "relative change",
        "the value must be a share away from the expected one (a tenth)",
        "the value was less than the least share away from the expected one",
    ),
    Gate(
        kernel.GATE_DIRECTION,
        "direction",
        "the value must move the bad way (latencies and errors must rise)",
        "the value moved the way that is not bad",
    ),
    Gate(
        kernel.GATE_TOLERATED,
        "tolerance",
        "the deviation must exceed what was labelled a false alarm before",
        "a deviation of this size was labelled a false alarm",
    ),
    Gate(
        kernel.GATE_PERSISTENCE,
        "persistence",
        "k of the last n windows must be unusual",
        "too few of the last windows were unusual",
    ),
)


def shut_gates(bits: int) -> list[Gate]:
    """The gates that held a flag back."""
    return [gate for gate in GATES if bits & gate.bit]
