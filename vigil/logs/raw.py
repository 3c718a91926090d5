"""Whole lines of one log to templates: the header is learned, stripped and watched."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from vigil.logs.header import Header, learn_header
from vigil.logs.lines import Lines
from vigil.logs.miner import MAX_PATTERNS, TemplateMiner

# A log whose lines no longer have the header has changed its format.
_RELEARN_SHARE = 0.5


class RawMiner:
    """Templates of raw lines, batch by batch. `header` is learned from the first lines.

    miner: holds the templates; its `resolve` and `text` speak of the numbers returned here.
    """

    def __init__(self, max_patterns: int = MAX_PATTERNS) -> None:
        self.miner = TemplateMiner(max_patterns)
        self.header: Header | None = None

    def observe(self, lines: Lines) -> np.ndarray:
        """Template number of each line, int64; evidence is weighed at the end of the batch."""
        numbers = self.miner.observe(self._messages(lines))
        self.miner.settle()
        return self.miner.resolve(numbers)

    def _messages(self, lines: Lines) -> Lines:
        if self.header is None:
            self.header = learn_header(lines)
        messages = self.header.strip(lines)
        stripped = np.mean(messages.start > lines.start) if len(lines) else 1.0
        if self.header.kinds and stripped < _RELEARN_SHARE:
            self.header = learn_header(lines)
            messages = self.header.strip(lines)
        return messages

    def state(self) -> dict[str, Any]:
        """Everything needed to go on after a restart, as JSON."""
        header = None if self.header is None else asdict(self.header)
        return {"header": header, "miner": self.miner.state()}

    @classmethod
    def restored(cls, state: Mapping[str, Any], max_patterns: int = MAX_PATTERNS) -> "RawMiner":
        """A miner that goes on from `state()`."""
        raw = cls(max_patterns)
        raw.miner.restore(state["miner"])
        if state["header"] is not None:
            raw.header = Header(**{**state["header"], "kinds": tuple(state["header"]["kinds"])})
        return raw
