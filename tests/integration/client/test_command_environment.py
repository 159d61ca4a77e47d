"""The command line with environment variables as users have them: proxies and encodings."""

import json
import socket
from functools import partial
from pathlib import Path

import pytest

from tests.support.command import Command
from tests.support.live_service import LiveService, coloured
from tests.support.photos import free_port
from tests.support.scripted_http import Reply, ScriptedHttp

NO_PROXIES = {"NO_PROXY": ""}  # the tests' own default excludes every host


@pytest.mark.parametrize(
    "environment",
    [
        {"NO_PROXY": "[::1],127.0.0.1"},
        {"no_proxy": "[,::1/999"},
        {"ALL_PROXY": "socks5://user:secret@127.0.0.1:9"},
        {"HTTP_PROXY": "nonsense://["},
        {"http_proxy": "http://127.0.0.1:9"},
        {"SSL_CERT_FILE": "/nowhere/ca.pem"},
    ],
)
def test_a_service_on_this_computer_is_reached_whatever_the_proxy_settings(
    service: LiveService, tmp_path: Path, environment: dict[str, str]
) -> None:
    (tmp_path / "a.png").write_bytes(coloured(1))
    env = {**NO_PROXIES, **environment}
    code, printed, said = Command("a.png", url=service.url, cwd=tmp_path, env=env).end()
    assert (code, said) == (0, "")
    assert printed.startswith("a.png\t\t\tclass 1\t")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "socks5://user:secret@127.0.0.1:9"),
        ("HTTP_PROXY", "http://user:secret@[::bad"),
        ("http_proxy", "gopher://user:secret@proxy"),
        ("SSL_CERT_FILE", "/nowhere/ca.pem"),
    ],
)
@pytest.mark.parametrize("arguments", [["a.png"], ["health"], ["--watch", "1"]])
def test_an_unusable_setting_is_wrong_usage_and_is_named(
    tmp_path: Path, arguments: list[str], name: str, value: str
) -> None:
    (tmp_path / "a.png").write_bytes(coloured(1))
    scheme = "https" if name == "SSL_CERT_FILE" else "http"
    env = {**NO_PROXIES, name: value}
    url = f"{scheme}://service.example"
    code, _, said = Command(*arguments, url=url, cwd=tmp_path, env=env).end()
    assert code == 2, said
    assert name in said
    assert said.count("\n") == 1
    assert "secret" not in said


@pytest.mark.parametrize(
    ("status", "code"), [(403, 4), (407, 4), (401, 4), (200, 4), (302, 4), (503, 3), (504, 3)]
)
def test_the_response_of_a_proxy_names_the_proxy(tmp_path: Path, status: int, code: int) -> None:
    (tmp_path / "a.png").write_bytes(coloured(1))
    with ScriptedHttp(Reply(status, b"<html>Blocked</html>")) as proxy:
        env = {**NO_PROXIES, "HTTP_PROXY": proxy.url.replace("//", "//user:secret@")}
        url = "http://service.example"
        run = Command("a.png", "--retry-for", "0", url=url, cwd=tmp_path, env=env)
        ended, _, said = run.end()
    assert ended == code, said
    assert f"through the proxy {proxy.url} (HTTP_PROXY)" in said
    assert "CLASSIFIER_API_KEY" not in said
    assert "secret" not in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("kind", ["https://gateway.example/unauthorized", "about:blank"])
def test_a_problem_of_a_gateway_is_no_reason_to_check_the_key(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.png").write_bytes(coloured(1))
    body = json.dumps({"type": kind, "status": 403, "detail": "Blocked."}).encode()
    refusal = Reply(403, body, {"content-type": "application/problem+json"})
    with ScriptedHttp(refusal) as server:
        code, _, said = Command("a.png", url=server.url, cwd=tmp_path).end()
    assert code == 4
    assert "Blocked." in said
    assert "CLASSIFIER_API_KEY" not in said


def test_only_the_service_itself_can_ask_for_a_key(tmp_path: Path) -> None:
    """A load balancer that refuses an address knows nothing of keys."""
    (tmp_path / "a.png").write_bytes(coloured(1))
    with ScriptedHttp(Reply(403, b"<html>Forbidden</html>")) as server:
        code, _, said = Command("a.png", url=server.url, cwd=tmp_path).end()
    assert code == 4
    assert f"{server.url}/health responded with 403 Forbidden" in said
    assert "CLASSIFIER_API_KEY" not in said


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("ends", [True, False])
def test_a_proxy_that_does_not_work_is_named(tmp_path: Path, scheme: str, ends: bool) -> None:
    (tmp_path / "a.png").write_bytes(coloured(1))
    with socket.create_server(("127.0.0.1", 0)) as server, ScriptedHttp(Reply(None)) as closing:
        port = server.getsockname()[1]
        server.close()
        proxy = closing.url if ends else f"http://127.0.0.1:{port}"
        env = {**NO_PROXIES, f"{scheme}_proxy": proxy}
        run = Command("a.png", url=f"{scheme}://service.example", cwd=tmp_path, env=env)
        code, _, said = run.end()
    assert code == 3
    assert f"through the proxy {proxy} ({scheme}_proxy)" in said
    assert "check the proxy, or add the service's host to NO_PROXY" in said
    assert "make serve" not in said


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "cp1252"},
        {"PYTHONIOENCODING": "ascii:strict"},
        {"PYTHONIOENCODING": "utf-16"},
        {"LC_ALL": "C"},
        {"FORCE_COLOR": "1", "TTY_COMPATIBLE": "1"},
    ],
)
def test_output_for_programs_is_utf_8(
    service: LiveService, tmp_path: Path, environment: dict[str, str]
) -> None:
    (tmp_path / "é 写.png").write_bytes(coloured(1))
    run = partial(Command, url=service.url, cwd=tmp_path, env=environment, own_python=True)
    code, printed, said = run("é 写.png", "--json").end()
    assert (code, said) == (0, "")
    assert json.loads(printed)["path"] == "é 写.png"
    assert run("é 写.png").end()[1].startswith("é 写.png\t\t\tclass 1\t0.9")
    code, printed, _ = run("health", "--json").end()
    assert (code, json.loads(printed)["status"]) == (0, "ok")


def test_the_url_of_an_endpoint_is_accepted(service: LiveService, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(coloured(1))
    for end in ("/", "/predict", "/health", "/docs#/predict"):
        run = Command("a.png", "--url", service.url + end, url="http://nowhere", cwd=tmp_path)
        assert run.end()[0] == 0, end


def test_a_dead_port_is_not_blamed_on_a_proxy(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(coloured(1))
    env = {**NO_PROXIES, "http_proxy": "http://proxy.example:3128"}
    url = f"http://127.0.0.1:{free_port()}"
    code, _, said = Command("a.png", url=url, cwd=tmp_path, env=env).end()
    assert code == 3
    assert "make serve" in said
    assert "proxy" not in said
