"""schemathesis: whatever openapi.json lets a client send, the answer is one that it declares."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.live import Live

ROOT = Path(__file__).resolve().parents[2]
REQUESTS = 2_000
# `make fuzz` sets seconds; without them as many cases of each operation as make up the requests.
SECONDS = os.environ.get("FUZZ_S")
AMOUNT = [f"--max-time={SECONDS}"] if SECONDS else ["--max-examples=500", "--seed=1"]
COUNTED = re.compile(r"^http_requests_total\{.*\} (\S+)$", re.MULTILINE)
HOOKS = {"SCHEMATHESIS_HOOKS": "tests.hostile.described_photos", "PYTHONPATH": str(ROOT)}


@pytest.fixture
def live() -> Iterator[Live]:
    service = Live()
    try:
        service.served.ready()
        yield service
    finally:
        service.end()


def requests_of(live: Live) -> float:
    return sum(map(float, COUNTED.findall(live.client.get("/metrics").text)))


@pytest.mark.timeout(int(SECONDS or 0) + 600)
def test_no_request_is_answered_as_is_not_declared(live: Live, tmp_path: Path) -> None:
    before = requests_of(live)
    program = [sys.executable, "-m", "schemathesis.cli", "run", str(ROOT / "openapi.json")]
    run = subprocess.run(
        [*program, "--url", live.served.url, "--checks=all", "--no-color", "--workers=2",
         "--warnings=off", *AMOUNT],
        cwd=tmp_path, env={**os.environ, **HOOKS}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
    assert requests_of(live) - before >= REQUESTS
    assert "Traceback" not in live.served.screen()
