"""What ``PRECISION=auto`` takes: by two times, which each processor measures once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from worker.models import kept_times
from worker.models.kept_times import processor
from worker.models.precision import faster

CPUINFO = """processor\t: 0
model name\t: A Processor
cpu MHz\t\t: {mhz}
flags\t\t: fpu avx512_bf16{flags}
bogomips\t: 4600.00

processor\t: 1
model name\t: A Processor
"""


class Measure:
    """Counts the measurements, each of which returns the same times: fp32, bf16."""

    def __init__(self, fp32: float, bf16: float) -> None:
        self.times = fp32, bf16
        self.count = 0

    def __call__(self) -> tuple[float, float]:
        self.count += 1
        return self.times


@pytest.mark.parametrize(
    ("fp32_ms", "bf16_ms", "taken"),
    [
        (66.7, 102.8, "fp32"),
        (70, 70, "fp32"),
        (100, 91, "fp32"),
        (100, 89, "bf16"),
        (70, 20, "bf16"),
    ],
)
def test_bf16_is_taken_only_where_it_is_clearly_faster(
    fp32_ms: float, bf16_ms: float, taken: str, tmp_path: Path
) -> None:
    assert faster(tmp_path / "times", Measure(fp32_ms, bf16_ms)) == taken


def test_a_processor_measures_once_and_says_what_it_took(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, later = Measure(100, 50), Measure(50, 100)
    assert [faster(tmp_path / "times", measure) for measure in (first, later)] == ["bf16", "bf16"]
    assert (first.count, later.count) == (1, 0)
    said = [line for line in capsys.readouterr().out.splitlines() if "PRECISION=auto" in line]
    assert len(said) == 2
    assert all("takes bf16" in line and "100" in line and "50" in line for line in said)


def test_each_processor_of_a_shared_cache_has_its_own_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for measured in (1, 0):
        for name, measure in (("old", Measure(50, 100)), ("new", Measure(100, 50))):
            monkeypatch.setattr(kept_times, "processor", lambda name=name: name)
            assert faster(tmp_path / "times", measure) == {"old": "fp32", "new": "bf16"}[name]
            assert measure.count == measured


def test_a_processor_is_its_name_and_features(tmp_path: Path) -> None:
    def of(text: str) -> str:
        file = tmp_path / "cpuinfo"
        file.write_text(text)
        return processor(file)

    one = of(CPUINFO.format(mhz=3100, flags=""))
    assert one == of(CPUINFO.format(mhz=800, flags=""))
    assert one != of(CPUINFO.format(mhz=3100, flags=" amx_tile"))
    assert one != of(CPUINFO.format(mhz=3100, flags="").replace("A Processor", "Another"))
    assert processor(tmp_path / "missing"), "as on macOS"


def cut(file: Path) -> None:
    file.write_text(file.read_text()[:-5])


def foreign(file: Path) -> None:
    file.write_text(file.read_text().replace(processor(), "another processor"))


def not_a_time(file: Path) -> None:
    file.write_text(file.read_text().replace("100", "-100"))


def renamed(file: Path) -> None:
    file.write_text(file.read_text().replace("fp32", "fp64"))


def folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize("damage", [cut, foreign, not_a_time, renamed, folder, Path.unlink])
def test_an_answer_that_cannot_be_used_is_measured_again(
    damage: Callable[[Path], None], tmp_path: Path
) -> None:
    assert faster(tmp_path / "times", Measure(100, 50)) == "bf16"
    (kept,) = (path for path in tmp_path.rglob("*") if path.is_file())
    damage(kept)
    again, later = Measure(50, 100), Measure(100, 50)
    assert [faster(tmp_path / "times", measure) for measure in (again, later)] == ["fp32", "fp32"]
    assert (again.count, later.count) == (1, 0)


def test_a_cache_that_cannot_be_written_costs_a_measurement_at_each_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    measure = Measure(100, 50)
    for _ in range(2):
        assert faster(tmp_path / "file" / "times", measure) == "bf16"
    assert measure.count == 2
    assert "cannot be written (Not a directory)" in capsys.readouterr().out


def test_workers_that_start_together_agree(tmp_path: Path) -> None:
    together = Barrier(4)

    def start(bf16_ms: float) -> str:
        def measure() -> tuple[float, float]:
            together.wait(10)
            return 100, bf16_ms

        return faster(tmp_path / "times", measure)

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(start, [50, 150, 50, 150]))) == 1
