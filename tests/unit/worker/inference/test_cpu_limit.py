"""A container's limit of processors, as the kernel shows it in either of its forms."""

from pathlib import Path

import pytest

from worker.inference.cpu_limit import processors, quota

SECOND, QUOTA, PERIOD = "cpu.max", "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"


@pytest.mark.parametrize(
    ("files", "granted"),
    [
        ({SECOND: "200000 100000\n"}, 2),
        ({SECOND: "250000 100000\n"}, 2),
        ({SECOND: "50000 100000\n"}, 1),
        ({SECOND: "max 100000\n"}, None),
        ({QUOTA: "400000\n", PERIOD: "100000\n"}, 4),
        ({QUOTA: "-1\n", PERIOD: "100000\n"}, None),
        ({SECOND: "max 100000\n", QUOTA: "300000\n", PERIOD: "100000\n"}, 3),
        ({}, None),
    ],
)
def test_a_limit_is_read_in_whole_processors(
    tmp_path: Path, files: dict[str, str], granted: int | None
) -> None:
    write(tmp_path, files)
    assert quota(tmp_path) == granted


def test_no_more_are_used_than_seen_and_granted(tmp_path: Path) -> None:
    seen = processors(tmp_path)
    assert seen >= 1
    write(tmp_path, {SECOND: f"{(seen + 1) * 100_000} 100000"})
    assert processors(tmp_path) == seen
    write(tmp_path, {SECOND: "100000 100000"})
    assert processors(tmp_path) == 1


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
