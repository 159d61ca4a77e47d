"""The command line when the service is unreachable, busy, or something else."""

import json
import re
from pathlib import Path

import pytest

from tests.support.command import Command
from tests.support.live_service import coloured
from tests.support.photos import free_port
from tests.support.scripted_http import Reply, ScriptedHttp
from tests.support.wire import JOB

HEALTH = {
    "status": "ok", "broker": {"status": "up", "latency_ms": 0.4}, "workers": [],
    "queues": {"interactive": 0, "batch": 2}, "notice": "a fallback model answers",
}  # fmt: skip


def test_bad_health_is_shown_and_is_an_exit_code(tmp_path: Path) -> None:
    body = json.dumps({**HEALTH, "status": "unavailable"}).encode()
    with ScriptedHttp(Reply(503, body)) as server:
        code, printed, _ = Command("health", url=server.url, cwd=tmp_path).end()
    assert code == 3
    assert "unavailable" in printed
    assert "no workers" in printed
    assert "a fallback model answers" in printed


@pytest.mark.parametrize("arguments", [["a.png"], [".", "-o", "r.csv"], ["health"]])
def test_where_nothing_answers_it_says_so_at_once(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "a.png").write_bytes(coloured(1))
    url = f"http://user:secret@127.0.0.1:{free_port()}"
    code, _, said = Command(*arguments, url=url, cwd=tmp_path).end()
    assert code == 3
    assert "No response from http://127.0.0.1" in said
    assert "make serve" in said
    assert "secret" not in said
    assert said.count("\n") == 1


def test_a_busy_service_is_retried_until_the_time_is_over(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(coloured(1))
    full = json.dumps({"type": "/problems/queue_full", "status": 503, "detail": "It is full."})
    kind = {"content-type": "application/problem+json", "retry-after": "1"}
    with ScriptedHttp(
        Reply(200, json.dumps(HEALTH).encode()), Reply(503, full.encode(), kind)
    ) as s:
        run = Command("a.png", "--retry-for", "2.5", url=s.url, cwd=tmp_path)
        code, _, said = run.end()
    assert code == 3
    assert [request.path for request in s.requests] == ["/health", *["/predict?top_k=3"] * 3]
    assert said.count("It is full.") == 2  # when it began, and at the end


def test_a_refused_key_is_reported_and_not_shown(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(coloured(1))
    body = json.dumps({"type": "/problems/unauthorized", "status": 401, "detail": "No such key."})
    refusal = Reply(401, body.encode(), {"content-type": "application/problem+json"})
    with ScriptedHttp(refusal) as server:
        key = {"CLASSIFIER_API_KEY": "hush-hush"}
        code, printed, said = Command("a.png", url=server.url, cwd=tmp_path, env=key).end()
    assert code == 4
    assert server.requests[0].headers["authorization"] == "Bearer hush-hush"
    assert said.startswith("classify: No such key.")
    assert "CLASSIFIER_API_KEY" in said
    assert "hush-hush" not in printed + said


def test_another_service_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(coloured(1))
    with ScriptedHttp(Reply(200, b"<html>hello</html>")) as server:
        code, _, said = Command("a.png", url=server.url, cwd=tmp_path).end()
    assert code == 4
    assert "not an image classifier" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--out", "r.xlsx", "a.png"], "its name must end in .csv, .ndjson or .json"),
        (["--out", "r.csv", "--json", "a.png"], "use one"),
        (["--retry-failed", "a.png"], "--out FILE"),
        (["--bom", "a.png"], "--out FILE.csv"),
        (["--bom", "--out", "r.json", "a.png"], "--out FILE.csv"),
        (["--watch", "1", "a.png"], "or --watch JOB_ID"),
        (["--watch", ""], "or --watch JOB_ID"),
        (["--retry-for", "nan", "a.png"], "--retry-for"),
        (["--json"], "pass either photos and folders"),
        (["empty"], "--recursive includes subfolders"),
        (["--top-k", "0", "a.png"], "top-k"),
        (["--url", "nowhere", "a.png"], "the URL must begin with http"),
        (["--frobnicate"], "No such option"),
        ([], "Usage"),
    ],
)
def test_wrong_usage_is_exit_code_2_with_a_reason(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    (tmp_path / "a.png").write_bytes(coloured(1))
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("hello")
    url = f"http://127.0.0.1:{free_port()}"
    code, printed, said = Command(*arguments, url=url, cwd=tmp_path).end()
    assert code == 2, printed + said
    assert words in printed + said
    assert "Traceback" not in said


@pytest.mark.parametrize("help_option", ["-h", "--help"])
@pytest.mark.parametrize("command", [[], ["health"]])
def test_help(tmp_path: Path, command: list[str], help_option: str) -> None:
    code, printed, _ = Command(*command, help_option, url="", cwd=tmp_path).end()
    assert code == 0
    assert printed.startswith(" ".join(["Usage: classify", *command, "[OPTIONS]"]))
    assert "Exit codes:" in printed
    assert not re.search(r"<\w", printed), "a flag takes no value"


def test_help_names_the_other_command_and_version_is_printed(tmp_path: Path) -> None:
    assert "classify health" in Command("--help", url="", cwd=tmp_path).end()[1]
    code, printed, _ = Command("--version", url="", cwd=tmp_path).end()
    assert code == 0
    assert printed.startswith("classify 0.")


def test_a_photo_that_no_worker_classifies_ends_the_command_and_names_its_job(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.png").write_bytes(coloured(1))
    job = json.dumps({**JOB, "job_id": "5f0c"}).encode()
    with ScriptedHttp(
        Reply(200, json.dumps(HEALTH).encode()), Reply(202, job), Reply(200, job)
    ) as server:
        run = Command("a.png", "--retry-for", "-0", url=server.url, cwd=tmp_path)
        code, printed, said = run.end()
    assert (code, printed) == (3, "")
    assert said == (
        "classify: Job 5f0c is not finished yet. It continues: wait for it again later; "
        "to get the result of job 5f0c: classify --watch 5f0c\n"
    )
