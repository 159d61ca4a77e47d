"""The compose project from build to removal, on a real Docker engine."""

import subprocess
from collections.abc import Iterator

import httpx
import pytest

from api.auth import keyring
from tests.support.photos import CATS, free_port, jpeg
from tests.support.served import eventually
from tests.support.stack import PROJECT, WORKER_CPUS, Stack

MIB = 1024 * 1024
# quota and period of the processors, bytes, processes; of cgroup v2, or of v1
LIMITS = """
cd /sys/fs/cgroup
if [ -e cpu.max ]; then cat cpu.max memory.max pids.max
else cat cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us memory/memory.limit_in_bytes pids/pids.max
fi
"""
# Whether there is a route to an address outside; nothing is sent.
WAY_OUT = """
import socket
try:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("192.0.2.1", 9))
    print("a way")
except OSError:
    print("no way")
"""

pytestmark = pytest.mark.timeout(1500)  # the first build fetches gigabytes


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    try:
        engine = subprocess.run(
            ["docker", "compose", "ls"], capture_output=True, text=True, timeout=30, check=False
        )
        reason = engine.stderr.strip() if engine.returncode else ""
    except OSError as error:
        reason = str(error)
    if reason:
        pytest.fail(f"these tests need a running Docker engine: {reason}", pytrace=False)
    key, entry = keyring.make("tests")
    file = tmp_path_factory.mktemp("secrets", numbered=False) / "api_keys"
    file.write_text(f"{entry}\n")
    project = Stack(free_port(), file, key)
    try:
        project.build()
        project.up()
        yield project
    except AssertionError:
        print(project.logs())  # noqa: T201 - pytest shows it with the failure
        raise
    finally:
        project.down()
    assert leftovers() == ""


def leftovers() -> str:
    """Containers and volumes that still carry the project's label."""
    label = f"label=com.docker.compose.project={PROJECT}"
    commands = (["docker", "ps", "-aq"], ["docker", "volume", "ls", "-q"])
    return "".join(
        subprocess.run([*command, "--filter", label], stdout=subprocess.PIPE, text=True, check=True)
        .stdout
        for command in commands
    )  # fmt: skip


def uploads(*names: str) -> list[tuple[str, tuple[str, bytes]]]:
    field = "file" if len(names) == 1 else "files"
    return [(field, (f"{name}.jpg", jpeg(name))) for name in names]


def test_everything_is_healthy_and_the_weights_are_done(stack: Stack) -> None:
    states = {one["Service"]: (one["State"], one["Health"]) for one in stack.containers()}
    running = {name: state for name, state in states.items() if name != "weights"}
    assert running == dict.fromkeys(("redis", "api", "worker"), ("running", "healthy"))
    assert states["weights"][0] == "exited"


def test_a_photo_of_a_cat_is_a_cat(stack: Stack) -> None:
    answer = stack.post("/predict", uploads("chelsea"))
    assert answer.status_code == 200, answer.text
    predictions = answer.json()["predictions"]
    assert len(predictions) == 3
    assert predictions[0]["class_index"] in CATS


def test_a_batch_completes_in_the_order_of_its_photos(stack: Stack) -> None:
    names = ["chelsea", "coffee", "astronaut", "rocket"]
    accepted = stack.post("/jobs", uploads(*names))
    assert accepted.status_code == 202, accepted.text
    where = f"/jobs/{accepted.json()['job_id']}"
    eventually(lambda: stack.get(where).json()["status"] == "completed", 60, stack.logs)
    job = stack.get(where).json()
    assert job["counts"]["succeeded"] == len(names)
    assert [item["filename"] for item in job["items"]] == [f"{name}.jpg" for name in names]
    assert job["items"][0]["predictions"][0]["class_index"] in CATS


def test_two_workers_share_the_work(stack: Stack) -> None:
    stack.up("--no-recreate", "--scale", "worker=2")
    eventually(lambda: len(stack.get("/health").json()["workers"]) == 2, 30, stack.logs)
    health = stack.get("/health")
    assert health.status_code == 200
    assert health.json()["status"] == "ok"
    assert len({worker["name"] for worker in health.json()["workers"]}) == 2
    assert stack.post("/predict", uploads("chelsea")).status_code == 200


@pytest.mark.parametrize("service", ["api", "worker", "redis"])
def test_a_container_can_do_no_more_than_its_work(stack: Stack, service: str) -> None:
    lines = stack.inside(service, "cat", "/proc/1/status").splitlines()
    status = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
    assert set(status["Uid"]).isdisjoint({"0"})
    assert set(status["Gid"]).isdisjoint({"0"})
    assert int(status["CapEff"][0], 16) == 0
    assert int(status["CapBnd"][0], 16) == 0
    assert status["NoNewPrivs"] == ["1"]
    mounts = stack.inside(service, "cat", "/proc/1/mounts").splitlines()
    root = next(fields for line in mounts if (fields := line.split())[1] == "/")
    assert "ro" in root[3].split(",")


def test_the_api_carries_no_model(stack: Stack) -> None:
    find = "from importlib.util import find_spec; print([find_spec(n) for n in {!r}])"
    names = ["torch", "torchvision", "openvino", "worker"]
    assert stack.inside("api", "python", "-c", find.format(names)).strip() == str([None] * 4)


def test_only_the_api_is_published_and_only_on_this_machine(stack: Stack) -> None:
    published = {
        (one["Service"], port["URL"])
        for one in stack.containers()
        for port in one["Publishers"] or []
        if port["PublishedPort"]
    }
    assert published == {("api", "127.0.0.1")}


def test_redis_requires_its_password(stack: Stack) -> None:
    assert "NOAUTH" in stack.inside("redis", "redis-cli", "ping")


def test_the_workers_reach_nothing_outside(stack: Stack) -> None:
    routes = stack.inside("worker", "cat", "/proc/net/route").splitlines()[1:]
    assert all(line.split()[1] != "00000000" for line in routes)


@pytest.mark.parametrize("service", ["api", "worker", "redis"])
def test_a_container_can_write_only_to_its_own_folders(stack: Stack, service: str) -> None:
    script = (
        "for d in / /etc /usr /var /app /root; do touch $d/x 2>/dev/null && echo $d; done; true"
    )
    assert stack.inside(service, "sh", "-c", script) == ""
    assert stack.inside(service, "sh", "-c", "touch /tmp/x && echo yes").strip() == "yes"


@pytest.mark.parametrize(
    ("service", "cpus", "memory", "pids"),
    [
        ("api", 1.0, 512 * MIB, 128),
        ("worker", float(WORKER_CPUS), 2048 * MIB, 256),
        ("redis", 1.0, 1200 * MIB, 64),
    ],
)
def test_a_container_takes_no_more_than_its_share(
    stack: Stack, service: str, cpus: float, memory: int, pids: int
) -> None:
    lines = stack.inside(service, "sh", "-c", LIMITS).split()
    quota, period, most_memory, most_pids = map(int, lines)
    assert quota / period == cpus
    assert most_memory == memory
    assert most_pids == pids


def test_the_workers_have_no_way_out(stack: Stack) -> None:
    assert stack.inside("api", "python", "-c", WAY_OUT).strip() == "a way"
    assert stack.inside("worker", "python", "-c", WAY_OUT).strip() == "no way"


def test_a_request_without_a_key_is_refused(stack: Stack) -> None:
    answer = httpx.get(f"{stack.url}/health", timeout=10, trust_env=False)
    assert answer.status_code == 401
    assert httpx.get(f"{stack.url}/health/ready", timeout=10, trust_env=False).status_code == 200


def test_no_container_holds_an_api_key(stack: Stack) -> None:
    entry = stack.inside("api", "cat", "/run/secrets/api_keys").strip()
    assert entry.startswith("tests:")
    for service in ("api", "worker", "redis"):
        assert entry not in stack.inside(service, "cat", "/proc/1/environ")
    assert "ic_" not in entry


def test_without_keys_the_service_is_open(stack: Stack) -> None:
    stack.open_to_all()
    assert httpx.get(f"{stack.url}/model", timeout=10, trust_env=False).status_code == 200
