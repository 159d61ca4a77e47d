"""schemathesis: whatever openapi.json lets a client send, the answer is one that it declares."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.hostile.live import Live

ROOT = Path(__file__).resolve().parents[2]
# `make fuzz` sets seconds, and its requests take minutes however few seconds the rest gets; without
# it a short run that is always the same.
LONG = "FUZZ_S" in os.environ
SECONDS = max(300, int(os.environ.get("FUZZ_S", "0")))
AMOUNT = [f"--max-time={SECONDS}"] if LONG else ["--max-examples=20", "--seed=1"]
REQUESTS = 2_000 if LONG else 300
# DELETE /jobs/{id} cancels what is queued and frees nothing: the job stays, to be read, until it
# expires.
CHECKS = ["--checks=all", "--exclude-checks=use_after_free"]
# One worker, schemathesis' default: in CPython 3.11 ast.parse is not safe between threads.
# Of a hundred answers: a machine that is busy may let a call of Redis take too long.
MOST_UNAVAILABLE = 1
COUNTED = re.compile(r'^http_requests_total\{.*status="(\d+)"\} (\S+)$', re.MULTILINE)
HOOKS = {"SCHEMATHESIS_HOOKS": "tests.hostile.described_photos", "PYTHONPATH": str(ROOT)}
# The smallest of the real models: what is asked is not what it sees, and requests wait for batches.
SMALL = {"MODEL": "efficientnet_lite0", "MODEL_WEIGHTS": ""}


@pytest.fixture
def live() -> Iterator[Live]:
    service = Live(**SMALL)
    try:
        service.served.ready()
        yield service
    finally:
        service.end()


def answers_of(live: Live) -> dict[str, float]:
    """How many answers of each status the api has given."""
    counts: dict[str, float] = {}
    for status, count in COUNTED.findall(live.client.get("/metrics").text):
        counts[status] = counts.get(status, 0) + float(count)
    return counts


@pytest.mark.timeout(SECONDS + 600)
def test_every_response_is_declared(
    live: Live, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    before = answers_of(live)
    settings = str(Path(__file__).with_name("schemathesis.toml"))
    program = [sys.executable, "-m", "schemathesis.cli", "--config-file", settings, "run"]
    run = subprocess.run(
        [*program, str(ROOT / "openapi.json"), "--url", live.served.url, *CHECKS,
         "--no-color", "--warnings=off", *AMOUNT],
        cwd=tmp_path, env={**os.environ, **HOOKS}, capture_output=True, check=False,
    )  # fmt: skip
    said = run.stdout.decode(errors="replace")
    assert run.returncode == 0, said[-8000:] + run.stderr.decode(errors="replace")[-2000:]
    counts = {status: int(n - before.get(status, 0)) for status, n in answers_of(live).items()}
    tell(f"{sum(counts.values())} requests as described, by status: {counts}")
    assert sum(counts.values()) >= REQUESTS
    assert "500" not in counts
    assert counts.get("503", 0) <= sum(counts.values()) * MOST_UNAVAILABLE / 100
    assert "Traceback" not in live.served.screen()
