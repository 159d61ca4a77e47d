"""Downloads against a real server on this machine: cut, resumed, wrong, refused."""

import subprocess
import threading
from pathlib import Path

import httpx2
import pytest

from tests.support.file_server import CONTENT, DIGEST, Server
from worker.models.downloader import TRIES, DownloadFailed, Unreachable, fetch
from worker.models.transforms import IMAGENET1K_V2
from worker.models.weights import Published


def left_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def test_a_file_arrives_whole_with_a_checksum_beside_it(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = fetch(server.published(), tmp_path / "new" / "cache")
    assert path.read_bytes() == CONTENT
    assert left_in(path.parent) == {path.name, f"{path.name}.sha256"}
    subprocess.run(["sha256sum", "-c", f"{path.name}.sha256"], cwd=path.parent, check=True)
    assert path.name in capsys.readouterr().err  # the progress bar


def test_a_file_that_is_there_is_not_asked_for(server: Server, tmp_path: Path) -> None:
    fetch(server.published(), tmp_path)
    fetch(server.published(), tmp_path)
    assert len(server.requests) == 1


def test_a_transfer_that_breaks_off_is_resumed_where_it_was(server: Server, tmp_path: Path) -> None:
    server.script = [1_000_000, 1_000_000]
    path = fetch(server.published(), tmp_path, pause_s=0)
    assert path.read_bytes() == CONTENT
    assert server.requests == [None, "bytes=1000000-", "bytes=2000000-"]


def test_progress_is_never_given_up(server: Server, tmp_path: Path) -> None:
    server.script = [300_000] * (TRIES + 3)
    assert fetch(server.published(), tmp_path, pause_s=0).read_bytes() == CONTENT


def test_what_an_earlier_process_left_is_continued(server: Server, tmp_path: Path) -> None:
    published = server.published()
    (tmp_path / f"{published.filename}.part").write_bytes(CONTENT[:2_500_000])
    assert fetch(published, tmp_path).read_bytes() == CONTENT
    assert server.requests == ["bytes=2500000-"]


def test_a_complete_part_only_needs_its_name(server: Server, tmp_path: Path) -> None:
    published = server.published()
    (tmp_path / f"{published.filename}.part").write_bytes(CONTENT)
    assert fetch(published, tmp_path).read_bytes() == CONTENT
    assert server.requests == [f"bytes={len(CONTENT)}-"]


@pytest.mark.parametrize("rest", [b"x" * 1000, b"x" * (len(CONTENT) + 1)], ids=["short", "long"])
def test_a_part_of_another_file_is_replaced(server: Server, tmp_path: Path, rest: bytes) -> None:
    published = server.published()
    (tmp_path / f"{published.filename}.part").write_bytes(rest)
    assert fetch(published, tmp_path, pause_s=0).read_bytes() == CONTENT


def test_a_server_that_cannot_resume_sends_it_all_again(server: Server, tmp_path: Path) -> None:
    server.ranges, server.script = False, [1_000_000]
    assert fetch(server.published(), tmp_path, pause_s=0).read_bytes() == CONTENT
    assert server.requests == [None, "bytes=1000000-"]


def test_another_file_than_published_is_refused_and_not_kept(
    server: Server, tmp_path: Path
) -> None:
    with pytest.raises(DownloadFailed, match=DIGEST) as caught:
        fetch(server.published("0" * 64), tmp_path)
    assert not isinstance(caught.value, Unreachable)
    assert left_in(tmp_path) == set()


def test_a_missing_file_says_what_to_do_instead(server: Server, tmp_path: Path) -> None:
    server.script = [404]
    with pytest.raises(DownloadFailed, match=r"returned 404 Not Found: put the file") as caught:
        fetch(server.published(), tmp_path)
    assert not isinstance(caught.value, Unreachable)
    assert len(server.requests) == 1


def test_a_server_with_a_problem_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.script = [503, 500]
    assert fetch(server.published(), tmp_path, pause_s=0).read_bytes() == CONTENT
    server.script = [503] * TRIES
    with pytest.raises(DownloadFailed, match="returned 503 Service Unavailable"):
        fetch(server.published(), tmp_path / "again", pause_s=0)


def test_a_server_that_falls_silent_counts_as_no_connection(server: Server, tmp_path: Path) -> None:
    server.script = ["hang"] * TRIES
    with pytest.raises(Unreachable, match=r"no connection to 127\.0\.0\.1"):
        fetch(server.published(), tmp_path, pause_s=0, timeout=httpx2.Timeout(0.2))
    assert len(server.requests) == TRIES


def test_a_refused_port_counts_as_no_connection(tmp_path: Path, closed_port: int) -> None:
    nobody = Published("TEST", f"http://127.0.0.1:{closed_port}/m-{DIGEST[:8]}.pth", IMAGENET1K_V2)
    with pytest.raises(Unreachable, match="MODEL=efficientnet_lite0"):
        fetch(nobody, tmp_path, pause_s=0)


def test_a_folder_that_takes_no_files_is_named(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DownloadFailed, match=r"MODEL_CACHE=.*/cache cannot be written \(Not a"):
        fetch(server.published(), tmp_path / "file" / "cache")


def test_two_that_want_the_same_file_fetch_it_once(server: Server, tmp_path: Path) -> None:
    published = server.published()
    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda: found.append(fetch(published, tmp_path))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [path.read_bytes() == CONTENT for path in found] == [True] * 4
    assert len(server.requests) == 1
