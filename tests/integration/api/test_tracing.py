"""One trace from HTTP through the queue to the model, as a real collector receives it."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from shared.redis_client import connect
from tests.integration.worker.conftest import photo
from tests.support.api_process import ROOT, ApiProcess
from tests.support.proxies import DEAD_PROXY
from tests.support.redis_server import RedisServer
from tests.support.served import eventually
from tests.support.worker_process import WorkerProcess


@dataclass(frozen=True)
class Seen:
    """One span."""

    service: str
    name: str
    trace: bytes
    id: bytes
    parent: bytes


class Collector:
    """Takes OTLP over HTTP on a free port, and keeps every span."""

    def __init__(self) -> None:
        self.spans: list[Seen] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == "/v1/traces"
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.take(ExportTraceServiceRequest.FromString(body))
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever)
        self._thread.start()

    def take(self, request: ExportTraceServiceRequest) -> None:
        for resource in request.resource_spans:
            values = {a.key: a.value.string_value for a in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans += [
                    Seen(values["service.name"], s.name, s.trace_id, s.span_id, s.parent_span_id)
                    for s in scope.spans
                ]

    def named(self, name: str) -> list[Seen]:
        return [span for span in list(self.spans) if span.name == name]

    def close(self) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


@pytest.fixture
def api(redis_server: RedisServer, tmp_path: Path, collector: Collector) -> Iterator[ApiProcess]:
    """An api and a worker that tell the collector, within a fifth of a second."""
    how = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
    with ExitStack() as stack:
        made = stack.enter_context(ApiProcess(redis_server.url, tmp_path, **how))
        env = {"REDIS_URL": redis_server.url, "UPLOADS_URL": made.uploads.as_uri(), **how}
        worker = stack.enter_context(WorkerProcess(env, tmp_path / "worker.log"))
        with connect(redis_server.url, 2) as client:
            worker.wait_ready(client)
        eventually(lambda: made.client.get("/health").status_code == 200, 10)
        yield made


def test_one_trace_leads_from_the_request_to_the_model(
    api: ApiProcess, collector: Collector
) -> None:
    assert api.client.post("/predict", content=photo(0)).status_code == 200
    eventually(lambda: len(collector.named("run/classify")) == 1, 15)
    eventually(lambda: len(collector.named("POST /predict")) == 1, 15)
    [request] = collector.named("POST /predict")
    [task] = collector.named("run/classify")
    [decode] = collector.named("decode")
    [inference] = collector.named("inference")
    assert request.service == "image-classifier-api"
    assert request.parent == b""
    spans = list(collector.spans)
    inside_request = ancestry(spans, task)
    assert request in inside_request, "the task belongs to the request"
    for span in (task, decode, inference):
        assert span.service == "image-classifier-worker"
        assert span.trace == request.trace
    assert decode.parent == inference.parent == task.id
    calls = [span for span in spans if span.parent == task.id and "EVAL" in span.name]
    assert len(calls) >= 2, "Redis's own instrumentation sees start and finish"


def test_each_photo_of_a_batch_belongs_to_its_request(
    api: ApiProcess, collector: Collector
) -> None:
    api.client.post("/jobs", files=[("files", photo(0))] * 5)
    eventually(lambda: len(collector.named("inference")) == 5, 15)
    eventually(lambda: len(collector.named("POST /jobs")) == 1, 15)
    [request] = collector.named("POST /jobs")
    tasks = collector.named("run/classify") + collector.named("run/classify_chunk")
    assert {span.trace for span in tasks} == {request.trace}
    assert {span.parent for span in collector.named("inference")} == {task.id for task in tasks}


def test_a_collector_on_this_machine_is_reached_without_the_proxy(
    redis_server: RedisServer, tmp_path: Path, collector: Collector
) -> None:
    how = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
    with ApiProcess(redis_server.url, tmp_path, **how, **DEAD_PROXY) as api:
        api.client.get(f"/jobs/{'0' * 32}")
        eventually(lambda: bool(collector.spans), 15)


def test_what_nobody_asked_for_begins_no_trace(api: ApiProcess, collector: Collector) -> None:
    """Heartbeats, looks at the fleet and probes would be most of all traces."""
    api.client.get("/metrics")
    api.client.get("/health/ready")
    api.client.post("/predict", content=photo(0))
    eventually(lambda: len(collector.named("POST /predict")) == 1, 15)
    threading.Event().wait(3)  # more than a heartbeat
    assert {span.name for span in list(collector.spans) if not span.parent} == {"POST /predict"}


def test_remaining_spans_are_sent_at_exit(
    redis_server: RedisServer, tmp_path: Path, collector: Collector
) -> None:
    how = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "600000"}
    with ApiProcess(redis_server.url, tmp_path, OTEL_SERVICE_NAME="mine", **how) as api:
        env = {"REDIS_URL": redis_server.url, "UPLOADS_URL": api.uploads.as_uri(), **how}
        with WorkerProcess(env, tmp_path / "worker.log") as worker:
            with connect(redis_server.url, 2) as client:
                worker.wait_ready(client)
            eventually(lambda: api.client.get("/health").status_code == 200, 10)
            assert api.client.post("/predict", content=photo(0)).status_code == 200
            assert worker.terminate() == 0
        assert [span.service for span in collector.named("inference")] == [
            "image-classifier-worker"
        ]
        assert collector.named("POST /predict") == []
    assert [span.service for span in collector.named("POST /predict")] == ["mine"]


def ancestry(spans: list[Seen], span: Seen) -> list[Seen]:
    by_id = {one.id: one for one in spans}
    found = []
    while span.parent in by_id:
        span = by_id[span.parent]
        found.append(span)
    return found


PROGRAM = """
import sys
{before}
from shared import log, tracing
from shared.settings import SharedSettings
log.configure("INFO", "json")
tracing.start(SharedSettings(), "test", consumes=True)
with tracing.span("decode"):
    print(tracing.headers(), "opentelemetry" in sys.modules)
"""


def run(before: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROGRAM.format(before=before)]
    return subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, check=True, timeout=60
    )


def test_tracing_is_not_imported_unless_enabled() -> None:
    done = run()
    assert done.stdout.strip() == "{} False"
    assert done.stderr == ""


def test_it_says_what_is_missing_and_goes_on() -> None:
    done = run(
        'sys.modules["opentelemetry.exporter"] = None',
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9",
    )
    assert done.stdout.startswith("{}")
    assert "pip install -r shared/requirements-tracing.txt" in done.stderr
    assert len(done.stderr.splitlines()) == 1
