import ast
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scripts.install import environment, torch_build
from scripts.install.__main__ import objection


def test_the_error_of_an_old_python_names_a_newer_one() -> None:
    assert "Python 3.11 or newer is needed, this is 3.8" in objection((3, 8), has_venv=True)


def test_the_error_of_a_python_without_venv_names_the_package() -> None:
    assert "python3-venv" in objection((3, 11), has_venv=False)


def test_a_suitable_python_is_accepted() -> None:
    assert objection((3, 11), has_venv=True) is None


def test_the_installer_parses_with_an_old_grammar() -> None:
    source = Path(environment.ROOT, "scripts", "install", "__main__.py").read_text()
    ast.parse(source, feature_version=(3, 7))


def test_a_fingerprint_changes_with_each_of_its_files(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("some.lock", "torch.lock", "pyproject.toml")]
    for path in files:
        path.write_text("one==1\n")
    seen = {environment.fingerprint(*files)}
    assert environment.fingerprint(*files) in seen
    for path in files:
        path.write_text("two==2\n")
        seen.add(environment.fingerprint(*files))
    assert len(seen) == 4


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_a_fingerprint_includes_torch_and_the_client(name: str) -> None:
    lock, project = environment.ROOT / name, environment.CLIENT / "pyproject.toml"
    whole = environment.fingerprint(lock)
    assert whole == environment.fingerprint(lock, environment.TORCH_LOCK, project)
    assert whole != environment.fingerprint(lock, project)


class RecordingPython:
    """An environment whose Python is a script that writes down how it is called."""

    def __init__(self, folder: Path) -> None:
        self.venv = folder / "venv"
        self._log = folder / "calls"
        self._log.touch()
        program = self.venv / "bin" / "python"
        program.parent.mkdir(parents=True)
        program.write_text(
            f"#!{sys.executable}\nimport json, sys\n"
            "if sys.argv[1] == '-c':\n    print(sys.version)\n"
            f"else:\n    print(json.dumps(sys.argv[1:]), file=open({str(self._log)!r}, 'a'))\n"
        )
        program.chmod(0o755)

    def installed(self) -> list[list[str]]:
        """The arguments of each `pip install`, without the options that all of them have."""
        calls = [json.loads(line) for line in self._log.read_text().splitlines()]
        assert all(call[:3] == ["-m", "pip", "install"] for call in calls)
        return [call[call.index("--no-input") + 1 :] for call in calls]


@pytest.fixture
def python(tmp_path: Path) -> RecordingPython:
    return RecordingPython(tmp_path)


def test_a_current_environment_is_not_installed_again(python: RecordingPython) -> None:
    name = environment.TARGETS["serve"][0]
    current = environment.fingerprint(environment.ROOT / name)
    environment.stamp(python.venv, name).write_text(current)
    environment.ensure(python.venv, "serve", lambda: "plain")
    assert python.installed() == []


def test_the_first_line_says_minutes_and_gigabytes(
    python: RecordingPython, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.ensure(python.venv, "dev", lambda: "cpu")
    assert "minutes and 2 GB" in capsys.readouterr().out.splitlines()[0]
    torch, dev, client = python.installed()
    assert torch[1:3] == ["--index-url", torch_build.TORCH_CPU_INDEX]
    assert dev == [*environment.LOCKED, str(environment.ROOT / "requirements-dev.lock")]
    assert client[-1] == str(environment.CLIENT)
    assert environment.is_current(python.venv, "serve")
    assert environment.is_current(python.venv, "dev")


def test_changed_requirements_are_installed_and_reported(
    python: RecordingPython, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.stamp(python.venv, "requirements.lock").write_text("of another day")
    environment.ensure(python.venv, "serve", lambda: "plain")
    assert "the requirements have changed" in capsys.readouterr().out
    assert len(python.installed()) == 2
    environment.ensure(python.venv, "serve", lambda: "plain")
    assert capsys.readouterr().out == ""
    assert len(python.installed()) == 2


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
def test_the_build_of_torch_fits_the_machine(
    platform: str, gpu: bool, reachable: bool, build: str
) -> None:
    assert torch_build.torch_build(platform, lambda: gpu, lambda _: reachable) == build


def test_bare_make_lists_the_targets() -> None:
    listed = subprocess.run(
        ["make"], cwd=environment.ROOT, capture_output=True, check=True, text=True
    )
    for target in ("serve", "test", "test-full", "check", "test-docker", "clean"):
        assert f"make {target} " in listed.stdout
