"""Whole lines of one log to templates: the header is learned, stripped and watched."""

import numpy as np

from vigil.logs.header import Header, learn_header
from vigil.logs.lines import Lines
from vigil.logs.miner import TemplateMiner

# A log whose lines no longer have the header has changed its format.
_RELEARN_SHARE = 0.5


class RawMiner:
    """Templates of raw lines, batch by batch. `header` is learned from the first lines.

    miner: holds the templates; its `resolve` and `text` speak of the numbers returned here.
    """

    def __init__(self, miner: TemplateMiner | None = None, header: Header | None = None) -> None:
        self.miner = miner or TemplateMiner()
        self.header = header

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
