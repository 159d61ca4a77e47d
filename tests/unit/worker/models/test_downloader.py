"""Downloads against a real server on this machine: cut, resumed, wrong, refused."""

import hashlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest

from worker.models import downloader
from worker.models.downloader import TRIES, DownloadFailed, Unreachable, fetch
from worker.models.transforms import IMAGENET1K_V2
from worker.models.weights import Published

ROOT = Path(__file__).parents[4]
CONTENT = bytes(range(256)) * 12_000  # 3 MB
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Server:
    """Serves ``content``: each request as the next step of ``script`` says, then as it should.

    A step is a status to answer, a number of bytes after which to break off, or ``hang``.
    """

    content: bytes = CONTENT
    script: list[str | int] = field(default_factory=list)
    ranges: bool = True
    requests: list[str | None] = field(default_factory=list)
    url: str = ""
    release: threading.Event = field(default_factory=threading.Event)

    def published(self, digest: str = DIGEST) -> Published:
        return Published("TEST", f"{self.url}/model-{digest[:8]}.pth", IMAGENET1K_V2)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        asked = handler.headers.get("Range")
        self.requests.append(asked)
        step = self.script.pop(0) if self.script else "all"
        if isinstance(step, int) and step < 600:
            handler.send_error(step)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.ranges else 0
        total = len(self.content)
        if start >= total:
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{total}")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(total - start))
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        handler.end_headers()
        body = self.content[start:]
        if step == "hang":
            self.release.wait(10)
        elif isinstance(step, int):
            handler.wfile.write(body[:step])
        else:
            handler.wfile.write(body)


@pytest.fixture
def server() -> Iterator[Server]:
    served = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.02,))
        thread.start()
        served.url = f"http://127.0.0.1:{http.server_port}"
        yield served
        served.release.set()
        http.shutdown()
        thread.join()


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that refuses connections, and that no other program can take meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


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
    with pytest.raises(DownloadFailed, match=r"answered 404 Not Found: put the file") as caught:
        fetch(server.published(), tmp_path)
    assert not isinstance(caught.value, Unreachable)
    assert len(server.requests) == 1


def test_a_server_with_a_problem_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.script = [503, 500]
    assert fetch(server.published(), tmp_path, pause_s=0).read_bytes() == CONTENT
    server.script = [503] * TRIES
    with pytest.raises(DownloadFailed, match="answered 503 Service Unavailable"):
        fetch(server.published(), tmp_path / "again", pause_s=0)


def test_a_server_that_falls_silent_counts_as_no_connection(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.script = ["hang"] * TRIES
    monkeypatch.setattr(downloader, "TIMEOUT", httpx2.Timeout(0.2))
    with pytest.raises(Unreachable, match=r"no connection to 127\.0\.0\.1"):
        fetch(server.published(), tmp_path, pause_s=0)
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


def run_command(cache: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "MODEL_CACHE": str(cache), **settings}
    return subprocess.run(
        [sys.executable, "-m", "worker.download"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_without_network_says_one_line(tmp_path: Path, closed_port: int) -> None:
    proxy = f"http://127.0.0.1:{closed_port}"
    ran = run_command(tmp_path, HTTPS_PROXY=proxy)
    assert ran.returncode == 1
    assert ran.stderr.startswith("download: no connection to download.pytorch.org")
    assert ran.stderr.count("\n") == 1


def test_the_command_falls_back_when_any_model_will_do(tmp_path: Path, closed_port: int) -> None:
    ran = run_command(tmp_path, HTTPS_PROXY=f"http://127.0.0.1:{closed_port}", MODEL="auto")
    assert ran.returncode == 0
    assert "EfficientNet-Lite0 answers" in ran.stderr
    assert ran.stdout.startswith("efficientnet_lite0 ")


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"HTTPS_PROXY": "nonsense://x"}, "look at HTTP_PROXY"),
        ({"SSL_CERT_FILE": "/nowhere/cert.pem"}, "look at HTTP_PROXY"),
        ({"MODEL": "resnet18"}, "MODEL: Input should be"),
        ({"MODEL_WEIGHTS": "/nowhere/my.pth", "MODEL_RECIPE": "IMAGENET1K_V1"}, "cannot be read"),
    ],
)
def test_the_command_says_one_line_about_a_wrong_setting(
    tmp_path: Path, settings: dict[str, str], line: str
) -> None:
    ran = run_command(tmp_path, **settings)
    assert ran.returncode == 1
    assert line in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_the_command_has_nothing_to_fetch_for_the_packaged_model(tmp_path: Path) -> None:
    ran = run_command(tmp_path, MODEL="efficientnet_lite0")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []
