"""What a comparison with fp32 counts."""

import numpy as np
import pytest

from worker.agreement import Tally


def test_changed_answers_are_counted_by_fp32s_margin() -> None:
    tally = Tally()
    exact = [
        [0.51, 0.49, 0],
        [0.45, 0.55, 0],
        [0.6, 0.39, 0.01],
        [0.39, 0.6, 0.01],
        [0.7, 0.2, 0.1],
    ]
    ours = np.array([0.5, 0.45, 0.05], np.float32)
    agreed = [tally.add(ours, np.array(theirs, np.float32)) for theirs in exact]
    assert agreed == [True, False, True, False, True]
    assert (tally.by_margin, tally.changed) == ([1, 1, 3], [0, 1, 1])
    assert tally.margins() == "0 of 1 below 0.05, 1 of 1 up to 0.2, 1 of 3 above 0.2"
    assert tally.agreement == pytest.approx(0.6)
