"""The command that starts Redis in a pod, run as it stands but for its paths."""

import os
import shlex
import signal
import subprocess
from pathlib import Path

from redis.exceptions import RedisError

from scripts.checks.manifests import FOLDER, build
from scripts.serve.redis_server import find_program
from shared.redis_client import connect
from tests.support.photos import free_port
from tests.support.served import eventually

PASSWORD = "0123456789abcdef"  # noqa: S105 - of a server that lives for one test


def test_it_starts_and_knows_the_service_alone(tmp_path: Path) -> None:
    manifests = build(FOLDER / "overlays/cpu")
    pod = next(m for m in manifests if m["kind"] == "StatefulSet")["spec"]["template"]["spec"]
    users = next(m for m in manifests if m["metadata"]["name"].startswith("redis-users"))["data"]
    (tmp_path / "users.acl").write_text(users["users.acl"])
    (tmp_path / "run").mkdir()
    port = free_port()
    shell, options, script = pod["containers"][0]["command"]
    for place, here in {
        "/etc/redis": str(tmp_path),
        "/run/redis": str(tmp_path / "run"),
        "exec redis-server": f"exec {shlex.quote(find_program())} --port {port}",
    }.items():
        assert place in script
        script = script.replace(place, here)
    with subprocess.Popen(
        [shell, options, script], cwd=tmp_path, env={**os.environ, "REDIS_PASSWORD": PASSWORD}
    ) as process:
        try:
            eventually(lambda: greets(port, PASSWORD), 20)
            assert not greets(port, "another")
        finally:
            process.send_signal(signal.SIGKILL)


def greets(port: int, password: str) -> bool:
    try:
        with connect(f"redis://classifier:{password}@127.0.0.1:{port}/0", 2) as client:
            return bool(client.ping())
    except (RedisError, OSError):
        return False
