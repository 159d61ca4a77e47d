"""Settings that cannot work together are refused at the start, in one line."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from api.dependencies import WAIT_MAX_S
from api.settings import BUDGET_BYTES, ApiSettings
from shared.settings import explain

ROOT = Path(__file__).resolve().parents[3]
LARGEST = BUDGET_BYTES * 3 // 4


def test_a_photo_that_never_fits_into_memory_is_not_promised() -> None:
    assert ApiSettings(max_upload_bytes=LARGEST).max_upload_bytes == LARGEST
    with pytest.raises(ValidationError) as refused:
        ApiSettings(max_upload_bytes=LARGEST + 1)
    line = explain(refused.value)
    assert line.startswith("MAX_UPLOAD_BYTES: ")
    assert str(LARGEST) in line
    assert "\n" not in line


def test_no_wait_outlasts_the_timeouts_of_the_balancer_that_is_shipped() -> None:
    config = (ROOT / "deploy" / "haproxy" / "haproxy.cfg").read_text()
    timeouts = {
        name: int(seconds)
        for name, seconds in re.findall(r"timeout (client|server) (\d+)s", config)
    }
    assert timeouts.keys() == {"client", "server"}
    # seconds for the photo itself and for the way back
    assert min(timeouts.values()) >= WAIT_MAX_S + 10
    with pytest.raises(ValidationError):
        ApiSettings(predict_wait_s=WAIT_MAX_S + 1)
