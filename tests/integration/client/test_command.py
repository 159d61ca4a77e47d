"""The command line with a real api and worker."""

import json
import signal
from pathlib import Path

import pytest

from image_classifier_client import ImageClassifier
from tests.support.command import Command
from tests.support.live_service import LiveService, coloured
from tests.support.scripted_colors import FAILS


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder as people have them."""
    photos = tmp_path / "my photos"
    for name, data in {
        "a.png": coloured(1),
        "café ☕.jpg": coloured(2, kind="JPEG"),
        "caf\udce9.png": coloured(3),
        "deep/a.png": coloured(4),
        "IMG_1.HEIC": b"\0\0\0\x18ftypheic",
        "broken.jpg": coloured(5, kind="JPEG")[:200],
        "huge.png": coloured(6) + bytes(300_000),
        "notes.txt": b"hello",
        ".hidden.png": coloured(7),
    }.items():
        path = photos / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (photos / "gone.jpg").symlink_to("nowhere.jpg")
    (photos / "link.png").symlink_to("a.png")
    return tmp_path


@pytest.mark.parametrize("count", [2, 5], ids=["one by one", "as a job"])
def test_photos_without_a_class_that_is_sure_enough(
    service: LiveService, tmp_path: Path, count: int
) -> None:
    names = [f"{at}.png" for at in range(count)]
    for at, name in enumerate(names):
        (tmp_path / name).write_bytes(coloured(at))
    start = [*names, "--min-confidence", "0.95"]
    code, printed, said = Command(*start, url=service.url, cwd=tmp_path).end()
    assert (code, said) == (0, "")
    assert printed == "".join(f"{name}\t\t\n" for name in names)
    code, printed, _ = Command(*start, "--json", url=service.url, cwd=tmp_path).end()
    assert code == 0
    assert [json.loads(line)["predictions"] for line in printed.splitlines()] == [[]] * count
    code, _, said = Command(*start, "-o", "out.csv", url=service.url, cwd=tmp_path).end()
    assert code == 0
    assert f"{count} classified" in said
    rows = (tmp_path / "out.csv").read_text().splitlines()
    assert rows[1] == "0,0.png,succeeded" + "," * (3 + 4 * 3 + 2)


@pytest.mark.parametrize("value", ["1.01", "-0.1", "nan", "much"])
def test_a_least_confidence_that_is_none_is_wrong_usage(
    service: LiveService, tmp_path: Path, value: str
) -> None:
    arguments = ["a.png", f"--min-confidence={value}"]
    code, _, said = Command(*arguments, url=service.url, cwd=tmp_path).end()
    assert code == 2
    assert "--min-confidence" in said


def test_a_folder_of_mixed_files(service: LiveService, home: Path) -> None:
    arguments = ["my photos", "-r", "--out", "results.ndjson"]
    code, printed, said = Command(*arguments, url=service.url, cwd=home).end()
    assert code == 1, said
    assert printed == ""
    lines = (home / "results.ndjson").read_text().splitlines()
    ends = {
        row["path"].removeprefix("my photos/"): row["predictions"][0]["class_index"]
        if row["status"] == "succeeded"
        else row["error"]["type"].rpartition("/")[2]
        for row in map(json.loads, lines)
    }
    cafe = ends.pop("café ☕.jpg")
    assert abs(cafe - 2) <= 1  # JPEG may shift a colour by one
    assert ends == {
        "a.png": 1,
        "caf\udce9.png": 3,
        "deep/a.png": 4,
        "link.png": 1,
        "IMG_1.HEIC": "unsupported_media_type",
        "broken.jpg": "invalid_image",
        "huge.png": "upload_too_large",
        "gone.jpg": "unreadable",
    }
    assert len(lines) == 9
    assert "5 classified, 4 failed, 2 other files skipped" in said
    assert "my photos/IMG_1.HEIC: a HEIC file. The service accepts JPEG and PNG" in said
    # a second run says how the file stands, and may send again what failed
    code, _, said = Command(*arguments, url=service.url, cwd=home).end()
    assert code == 1
    assert "0 classified, 5 classified earlier, 4 failed earlier" in said
    (home / "my photos" / "gone.jpg").unlink()
    (home / "my photos" / "gone.jpg").write_bytes(coloured(8))
    code, _, said = Command(*arguments, "--retry-failed", url=service.url, cwd=home).end()
    assert code == 1
    assert "1 classified, 3 failed, 5 classified earlier" in said
    assert len((home / "results.ndjson").read_text().splitlines()) == 9


def test_many_photos_are_sent_as_several_jobs(service: LiveService, tmp_path: Path) -> None:
    for at in range(30):
        (tmp_path / f"{at:02d}.png").write_bytes(coloured(at))
    code, printed, said = Command(".", "--top-k", "1", url=service.url, cwd=tmp_path).end()
    assert (code, said) == (0, "")
    assert printed.splitlines() == [f"./{at:02d}.png\t\t\tclass {at}\t0.900000" for at in range(30)]


@pytest.mark.parametrize("count", [1, 6])
def test_json_has_one_object_per_line_for_failures_too(
    service: LiveService, tmp_path: Path, count: int
) -> None:
    for at in range(count):
        (tmp_path / f"{at}.png").write_bytes(coloured(at))
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "fails.png").write_bytes(coloured(1, red=FAILS))
    names = [*(f"{at}.png" for at in range(count)), "notes.txt", "fails.png"]
    code, printed, said = Command(*names, "--json", url=service.url, cwd=tmp_path).end()
    assert (code, said) == (1, "")
    rows = [json.loads(line) for line in printed.splitlines()]
    assert [row["path"] for row in rows] == names
    assert [row["status"] for row in rows] == ["succeeded"] * count + ["failed"] * 2
    assert rows[0]["model"]["name"] == "scripted"
    assert rows[-1]["error"]["type"] == "/problems/inference_failed"


def test_failures_are_printed_on_stderr(service: LiveService, home: Path) -> None:
    names = ["my photos/a.png", "my photos/notes.txt"]
    code, printed, said = Command(*names, url=service.url, cwd=home).end()
    assert code == 1
    assert printed.startswith("my photos/a.png\t\t\tclass 1\t0.9")
    assert said == "classify: my photos/notes.txt: neither JPEG nor PNG\n"


def job_of(service: LiveService, *names: str) -> str:
    files = [("files", (name, coloured(at))) for at, name in enumerate(names)]
    return str(service.api.client.post("/jobs", files=files).json()["job_id"])


def test_watch_waits_for_a_job(service: LiveService, tmp_path: Path) -> None:
    job = job_of(service, "a.png", "b.png")
    run = Command("--watch", job, "-o", "job.json", url=service.url, cwd=tmp_path)
    code, _, said = run.end()
    assert code == 0, said
    rows = json.loads((tmp_path / "job.json").read_text())
    assert [row["path"] for row in rows] == ["a.png", "b.png"]
    assert [row["predictions"][0]["class_index"] for row in rows] == [0, 1]
    code, _, said = Command("--watch", job, "-o", "job.json", url=service.url, cwd=tmp_path).end()
    assert code == 2
    assert "needs a new file" in said


def test_a_job_continues_when_watch_is_interrupted(service: LiveService, tmp_path: Path) -> None:
    worker = service.worker.process
    worker.send_signal(signal.SIGSTOP)
    try:
        job = job_of(service, "a.png")
        run = Command("--watch", job, "-o", "j.csv", url=service.url, cwd=tmp_path, terminal=True)
        service.until(lambda: "0/1" in run.screen)
        run.process.send_signal(signal.SIGINT)
        code, _, screen = run.end()
    finally:
        worker.send_signal(signal.SIGCONT)
    assert code == 130
    assert f"classify --watch {job}" in screen.replace("\r\n", "")
    code, printed, _ = Command("--watch", job, url=service.url, cwd=tmp_path).end()
    assert code == 0
    assert printed.startswith("a.png\t\t\tclass 0\t0.9")


@pytest.mark.parametrize("job", ["0" * 32, "../health"])
def test_an_unknown_job_is_reported(service: LiveService, tmp_path: Path, job: str) -> None:
    code, _, said = Command("--watch", job, url=service.url, cwd=tmp_path).end()
    assert code == 4
    assert said.startswith("classify: ")
    assert said.count("\n") == 1


def test_health_is_a_table_or_an_object(service: LiveService, tmp_path: Path) -> None:
    code, printed, said = Command("health", url=service.url, cwd=tmp_path).end()
    assert (code, said) == (0, "")
    assert "scripted cpu fp32" in printed
    assert " ok " in printed
    code, printed, _ = Command("health", "--json", url=service.url, cwd=tmp_path).end()
    assert code == 0
    assert json.loads(printed)["status"] == "ok"


def test_jobs_are_a_table_or_objects(service: LiveService, tmp_path: Path) -> None:
    empty = Command("jobs", "--status", "running", url=service.url, cwd=tmp_path).end()
    assert empty == (0, "no jobs\n", "")
    with ImageClassifier(service.url) as client:
        made = [client.submit([coloured(at), b"no photo"]).job_id for at in range(3)]
        for job_id in made:
            client.wait(job_id)
    code, printed, said = Command("jobs", "--limit", "2", url=service.url, cwd=tmp_path).end()
    assert (code, said) == (0, "")
    assert made[2] in printed
    assert made[0] not in printed
    code, printed, _ = Command("jobs", "--json", url=service.url, cwd=tmp_path).end()
    shown = [json.loads(line) for line in printed.splitlines()]
    assert code == 0
    assert [job["job_id"] for job in shown[:3]] == made[::-1]
    assert shown[0]["counts"]["failed"] == 1
    assert "items" not in shown[0]
    code, _, said = Command("jobs", "--status", "done", url=service.url, cwd=tmp_path).end()
    assert code == 2
    assert "'done' is not one of 'queued', 'running', 'completed', 'cancelled'" in said
