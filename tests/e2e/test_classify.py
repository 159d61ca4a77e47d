"""``classify`` over a thousand photos against a real api and worker: killed, stopped, taken up."""

import csv
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.support.command import Command
from tests.support.live_service import LiveService, coloured
from tests.support.photos import free_port
from tests.support.served import eventually

PHOTOS = 1_000
SOME = 400  # enough to be stopped in the midst of


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    # no faster than 100 photos a second, so that a run is stopped before its end
    slow = {"SCRIPTED_IMAGE_TIME_S": "0.01"}
    with LiveService(tmp_path_factory.mktemp("service"), slow) as service:
        yield service


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders ``photos`` and ``some``; each photo has its class in its name."""
    home = tmp_path_factory.mktemp("home")
    for folder, count in (("photos", PHOTOS), ("some", SOME)):
        (home / folder).mkdir()
        for at in range(count):
            (home / folder / f"{at:04d} {at % 200}.png").write_bytes(coloured(at % 200))
    return home


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "results.csv"


def rows(out: Path) -> int:
    """How many results are in the file so far."""
    return out.read_bytes().count(b"\n") - 1 if out.exists() else 0


def assert_all_are_there_once_and_right(out: Path, count: int) -> None:
    with out.open(newline="") as file:
        records = list(csv.DictReader(file))
    assert len({record["path"] for record in records}) == len(records) == count
    for record in records:
        assert record["status"] == "succeeded"
        assert record["label_1"] == f"class {Path(record['path']).stem.split()[1]}"


def nothing_waits(redis: Redis) -> bool:
    return redis.zcard("ic:queued:batch") == 0


def test_a_thousand_photos_show_progress_outlive_the_api_and_are_not_sent_again(
    service: LiveService, home: Path, out: Path
) -> None:
    command = Command("photos", "-o", out, url=service.url, cwd=home, terminal=True)
    eventually(lambda: rows(out) >= 100, 60, lambda: command.screen)
    service.api.kill()
    had = rows(out)
    eventually(lambda: "retrying" in command.screen, 30, lambda: command.screen)
    service.api.start()
    code, printed, screen = command.end()
    assert code == 0, screen
    assert printed == ""
    assert had < PHOTOS
    assert "the service is available again" in screen
    assert f"/{PHOTOS}" in screen  # of the bar
    assert "/s" in screen
    assert "0:00:" in screen or "00:0" in screen
    assert f"{PHOTOS:,} classified" in screen
    assert_all_are_there_once_and_right(out, PHOTOS)
    # nothing listens there: it is not even asked
    away = f"http://127.0.0.1:{free_port()}"
    again = Command("./photos", "--out", out, url=away, cwd=home)
    code, _, said = again.end()
    assert code == 0, said
    assert f"0 classified, {PHOTOS:,} classified earlier" in said
    assert_all_are_there_once_and_right(out, PHOTOS)


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name
)
def test_a_run_that_is_killed_is_resumed(
    service: LiveService, home: Path, out: Path, number: signal.Signals
) -> None:
    command = Command("some", "-o", out, url=service.url, cwd=home)
    eventually(lambda: rows(out) >= 100, 60)
    command.process.send_signal(number)
    code, _, said = command.end()
    had = rows(out)
    assert 100 <= had < SOME
    if number == signal.SIGKILL:
        assert code == -signal.SIGKILL
    else:
        assert code == {signal.SIGINT: 130, signal.SIGTERM: 143}[number], said
        assert f"{had:,} of {SOME:,} photos are in {out}: run the same command again" in said
        assert nothing_waits(service.redis)  # its jobs are cancelled
    code, _, said = Command("some", "-o", out, url=service.url, cwd=home).end()
    assert code == 0, said
    assert f"{SOME - had:,} classified, {had:,} classified earlier" in said
    assert_all_are_there_once_and_right(out, SOME)
    eventually(lambda: nothing_waits(service.redis), 30)


def test_a_full_disk_keeps_what_is_written_and_says_how_to_go_on(
    service: LiveService, home: Path, out: Path
) -> None:
    command = Command("some", "-o", out, url=service.url, cwd=home, file_blocks=40)
    code, _, said = command.end()
    assert code == 5, said
    had = rows(out)
    assert 0 < had < SOME
    assert out.read_bytes().endswith(b"\n")
    assert f"{had:,} of {SOME:,} photos are in {out}" in said
    assert nothing_waits(service.redis)
    code, _, said = Command("some", "-o", out, url=service.url, cwd=home).end()
    assert code == 0, said
    assert_all_are_there_once_and_right(out, SOME)


def test_rows_in_a_pipe_are_plain_and_a_closed_pipe_ends_the_run(
    service: LiveService, home: Path
) -> None:
    command = Command("photos", url=service.url, cwd=home, terminal=True)
    assert (
        command.first_line_of_output()
        == "photos/0000 0.png\t\t\tclass 0\t0.900000\tclass 1\t0.000391\tclass 2\t0.000391\n"
    )
    code, _, screen = command.end()
    assert code == 141
    assert screen == ""
    eventually(lambda: nothing_waits(service.redis), 10)
