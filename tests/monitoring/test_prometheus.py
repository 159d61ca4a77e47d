"""A real Prometheus scrapes the real service with the configuration that is shipped."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import yaml

from shared.redis_client import connect
from tests.integration.worker.conftest import photo
from tests.support.api_process import ApiProcess
from tests.support.prometheus import MONITORING, Prometheus, program
from tests.support.redis_server import RedisServer
from tests.support.scripted_colors import FAILS, KILLS
from tests.support.served import eventually
from tests.support.worker_process import WorkerProcess

RULES: list[dict[str, Any]] = yaml.safe_load((MONITORING / "rules.yml").read_text())["groups"][0][
    "rules"
]
# What Grafana puts in for the time that a rate needs.
INTERVAL = "30s"


def panels() -> list[str]:
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    found = [
        target["expr"].replace("$__rate_interval", INTERVAL)
        for panel in dashboard["panels"]
        for target in panel.get("targets", [])
    ]
    assert len(found) > 20
    return found


def watched() -> list[str]:
    """What the alerts look at, without the bound that they compare it with."""
    return [re.sub(r" *(==|>) *[0-9.]+$", "", rule["expr"]) for rule in RULES]


@pytest.mark.parametrize(
    "command",
    ["check config prometheus.yml", "check rules rules.yml", "test rules rules_test.yml"],
)
def test_promtool_accepts_configuration_and_rules(command: str) -> None:
    done = subprocess.run(
        [program("promtool"), *command.split()],
        cwd=MONITORING,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """After half a minute of all that can happen to photos."""
    folder = tmp_path_factory.mktemp("monitoring")
    with ExitStack() as stack:
        server = RedisServer(folder)
        server.start()
        stack.callback(server.kill)
        api = stack.enter_context(ApiProcess(server.url, folder))
        env = {"REDIS_URL": server.url, "UPLOADS_URL": api.uploads.as_uri(), "SCRIPTED_FAST": "1"}
        worker = stack.enter_context(WorkerProcess(env, folder / "worker.log", restart=True))
        with connect(server.url, 2) as client:
            worker.wait_ready(client)
        made = Prometheus(folder, api.url.removeprefix("http://"))
        stack.callback(made.stop)
        eventually(lambda: bool(made.query("classifier_broker_up")), 20)
        began = time.monotonic()
        while time.monotonic() - began < 8 or not everything_has_happened(made):
            assert time.monotonic() - began < 90
            files = [("files", data) for data in (photo(0), photo(KILLS), b"none", photo(FAILS))]
            first = time.monotonic() - began < 1
            api.client.post("/jobs", files=files if first else [*files[:1], *files[2:]])
            for sent in (photo(0), photo(FAILS), b"none"):  # 200, 503, 415
                api.client.post("/predict", content=sent)
            time.sleep(0.5)
        yield made


def everything_has_happened(prometheus: Prometheus) -> bool:
    resent = prometheus.query(f"sum(rate(classifier_items_resent_total[{INTERVAL}])) > 0")
    alive = prometheus.query('classifier_workers{status=~"idle|busy"} > 0')
    decoded = prometheus.query(f"rate(classifier_decode_seconds_count[{INTERVAL}]) > 0")
    refused = prometheus.query(f'rate(http_requests_total{{status="503"}}[{INTERVAL}]) > 0')
    return bool(resent and alive and decoded and refused)


@pytest.mark.parametrize("expression", panels())
def test_each_query_of_the_dashboard_finds_figures(prometheus: Prometheus, expression: str) -> None:
    assert prometheus.query(expression), expression


@pytest.mark.parametrize("expression", watched())
def test_each_alert_looks_at_figures_that_exist(prometheus: Prometheus, expression: str) -> None:
    assert prometheus.query(expression), expression


def test_prometheus_runs_every_alert(prometheus: Prometheus) -> None:
    groups = prometheus.client.get("/api/v1/rules").json()["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert [rule["name"] for rule in rules] == [rule["alert"] for rule in RULES]
    assert {rule["health"] for rule in rules} <= {"ok", "unknown"}
    assert not [rule["lastError"] for rule in rules if rule.get("lastError")]
