import ast
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scripts.install import environment, torch_build
from scripts.install.__main__ import objection


def test_an_old_python_is_told_which_one_to_take() -> None:
    assert "Python 3.11 or newer is needed, this is 3.8" in objection((3, 8), has_venv=True)


def test_a_python_without_venv_is_told_what_to_install() -> None:
    assert "python3-venv" in objection((3, 11), has_venv=False)


def test_a_fitting_python_meets_no_objection() -> None:
    assert objection((3, 11), has_venv=True) is None


def test_the_installer_parses_with_an_old_grammar() -> None:
    source = Path(environment.ROOT, "scripts", "install", "__main__.py").read_text()
    ast.parse(source, feature_version=(3, 7))


def test_a_fingerprint_follows_the_lock_that_of_torch_and_the_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, torch_lock = tmp_path / "some.lock", tmp_path / "torch.lock"
    project = tmp_path / "pyproject.toml"
    monkeypatch.setattr(environment, "TORCH_LOCK", torch_lock)
    monkeypatch.setattr(environment, "CLIENT", tmp_path)
    for path in (lock, torch_lock, project):
        path.write_text("one==1\n")
    seen = {environment.fingerprint(lock)}
    assert environment.fingerprint(lock) in seen
    for path in (lock, torch_lock, project):
        path.write_text("two==2\n")
        seen.add(environment.fingerprint(lock))
    assert len(seen) == 4


def test_what_is_installed_is_not_installed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "pip", lambda *_: pytest.fail("installed again"))
    name = environment.TARGETS["serve"][0]
    environment.stamp(tmp_path, name).write_text(environment.fingerprint(environment.ROOT / name))
    environment.ensure(tmp_path, "serve")


def test_the_first_line_says_minutes_and_gigabytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr(environment, "torch_build", lambda: "cpu")
    monkeypatch.setattr(environment, "create", lambda venv: venv.mkdir(exist_ok=True))
    monkeypatch.setattr(environment, "pip", lambda _, *arguments: calls.append(arguments))
    environment.ensure(tmp_path, "dev")
    assert "minutes and 2 GB" in capsys.readouterr().out.splitlines()[0]
    assert calls[0][1:3] == ("--index-url", torch_build.TORCH_CPU_INDEX)
    assert calls[1][:3] == environment.LOCKED
    assert calls[1][3].endswith("requirements-dev.lock")
    assert environment.is_current(tmp_path, "serve")
    assert environment.is_current(tmp_path, "dev")


def test_a_change_of_the_requirements_is_called_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(environment, "torch_build", lambda: "plain")
    monkeypatch.setattr(environment, "create", lambda _: None)
    monkeypatch.setattr(environment, "pip", lambda *_: None)
    environment.stamp(tmp_path, "requirements.lock").write_text("of another day")
    environment.ensure(tmp_path, "serve")
    assert "the requirements have changed" in capsys.readouterr().out
    environment.ensure(tmp_path, "serve")
    assert capsys.readouterr().out == ""


def test_pip_output_becomes_a_few_lines() -> None:
    show = environment.progress
    assert show("  Downloading torch-2.14.1-cp311-cp311-linux_x86_64.whl (190.9 MB)\n") == (
        "downloading torch (190.9 MB)"
    )
    assert show("  Downloading https://a.b/c/nvidia_cudnn_cu13-9.1-py3.whl (1.2 GB)") == (
        "downloading nvidia_cudnn_cu13 (1.2 GB)"
    )
    assert show("  Downloading click-8.1-py3-none-any.whl (98 kB)") is None
    assert show("  Downloading pillow-12.1-cp311.whl (6.9 MB)") is None
    assert show("Installing collected packages: a, b, c") == "unpacking 3 package(s)"
    assert show("Collecting torch") is None


def test_a_failing_pip_shows_its_last_lines_and_one_that_says_where_all_are(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    environment.create(tmp_path / "venv")
    with pytest.raises(environment.InstallError, match="pip failed; its output is in"):
        environment.pip(tmp_path / "venv", "-r", str(tmp_path / "missing.txt"))
    assert "missing.txt" in capfd.readouterr().err
    assert "missing.txt" in (tmp_path / "venv" / "pip.log").read_text()


def test_a_folder_that_is_no_environment_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(environment.InstallError, match="is not a virtual environment"):
        environment.create(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


@pytest.fixture
def index() -> Iterator[str]:
    class Index(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/slow":
                stop.wait(5)
            self.send_response(200 if self.path == "/here" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    stop = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Index)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    stop.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_index_counts_only_when_it_answers_in_time(index: str) -> None:
    assert torch_build.answers(f"{index}/here")
    assert not torch_build.answers(f"{index}/gone")
    assert not torch_build.answers(f"{index}/slow", timeout=0.2)


def test_an_index_that_nobody_serves_is_out_of_reach() -> None:
    assert not torch_build.answers("http://127.0.0.1:9/")


@pytest.mark.parametrize(
    ("platform", "gpu", "reachable", "build"),
    [
        ("linux", False, True, "cpu"),
        ("linux", False, False, "cuda"),
        ("linux", True, True, "cuda"),
        ("darwin", False, True, "plain"),
    ],
)
def test_the_build_follows_the_machine(
    monkeypatch: pytest.MonkeyPatch, platform: str, gpu: bool, reachable: bool, build: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(torch_build, "has_nvidia_gpu", lambda: gpu)
    monkeypatch.setattr(torch_build, "answers", lambda _: reachable)
    assert torch_build.torch_build() == build


def test_bare_make_lists_the_targets() -> None:
    listed = subprocess.run(
        ["make"], cwd=environment.ROOT, capture_output=True, check=True, text=True
    )
    for target in ("serve", "test", "test-full", "check", "test-docker", "clean"):
        assert f"make {target} " in listed.stdout
