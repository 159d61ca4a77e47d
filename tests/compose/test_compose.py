"""The compose project from build to removal, on a real Docker engine."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.support.photos import CATS, free_port, jpeg
from tests.support.served import eventually
from tests.support.stack import PROJECT, Stack

pytestmark = pytest.mark.timeout(1500)  # the first build fetches gigabytes


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    try:
        engine = subprocess.run(
            ["docker", "compose", "ls"], capture_output=True, text=True, timeout=30, check=False
        )
        reason = engine.stderr.strip() if engine.returncode else ""
    except OSError as error:
        reason = str(error)
    if reason:
        pytest.fail(f"these tests need a running Docker engine: {reason}", pytrace=False)
    project = Stack(free_port())
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
    where = accepted.headers["Location"]
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


def test_redis_wants_its_password(stack: Stack) -> None:
    assert "NOAUTH" in stack.inside("redis", "redis-cli", "ping")


def test_the_workers_reach_nothing_outside(stack: Stack) -> None:
    routes = stack.inside("worker", "cat", "/proc/net/route").splitlines()[1:]
    assert all(line.split()[1] != "00000000" for line in routes)
