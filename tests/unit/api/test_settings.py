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


@pytest.mark.parametrize(
    ("file", "timeout", "count"),
    [
        ("haproxy/haproxy.cfg", r"timeout (?:client|server) (\d+)s", 2),
        ("nginx/classifier.conf", r"proxy_read_timeout (\d+)s", 1),
        ("caddy/Caddyfile", r"response_header_timeout (\d+)s", 1),
        ("traefik/classifier.yml", r"responseHeaderTimeout: (\d+)s", 1),
    ],
)
def test_no_wait_outlasts_the_timeouts_of_a_proxy_that_is_shipped(
    file: str, timeout: str, count: int
) -> None:
    seconds = re.findall(timeout, (ROOT / "deploy" / file).read_text())
    assert len(seconds) == count
    # seconds for the photo itself and for the way back
    assert min(map(int, seconds)) >= WAIT_MAX_S + 10


def test_no_wait_is_longer_than_the_longest() -> None:
    with pytest.raises(ValidationError):
        ApiSettings(predict_wait_s=WAIT_MAX_S + 1)
