"""Compiles the detector once, at installation, so that no first run waits for it.

`python -m vigil.detect.warm`; the machine code is cached beside the source.
"""

import numpy as np

from vigil.detect.series import detect_series

if __name__ == "__main__":
    detect_series(np.arange(3.0), np.ones(3))
