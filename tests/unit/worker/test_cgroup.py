"""Limits of processors and memory, as the kernel shows them in both versions of control groups."""

from pathlib import Path

import pytest

from worker.cgroup import cpu_quota, memory_limit, processors

Files = dict[str, str]
SECOND, QUOTA, PERIOD = "cpu.max", "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"
HERE = "0::/\n"


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
    tmp_path: Path, files: Files, granted: int | None
) -> None:
    assert cpu_quota(*written(tmp_path, files, HERE)) == granted


@pytest.mark.parametrize(
    ("membership", "files", "granted"),
    [
        # the group itself, the one around it, the outermost: the smallest counts
        ("0::/a/b\n", {"a/b/cpu.max": "100000 100000", "a/cpu.max": "300000 100000"}, 1),
        ("0::/a/b\n", {"a/b/cpu.max": "400000 100000", "a/cpu.max": "200000 100000"}, 2),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000", "a/cpu.max": "200000 100000"}, 2),
        ("0::/a/b\n", {"a/b/cpu.max": "400000 100000", SECOND: "300000 100000"}, 3),
        # a neighbour's limit is no limit of this process
        ("0::/a/b\n", {"a/c/cpu.max": "100000 100000"}, None),
        # version 1 names the controllers of a hierarchy together
        (
            "5:memory:/x\n4:cpu,cpuacct:/a/b\n0::/\n",
            {"cpu/a/cpu.cfs_quota_us": "200000", "cpu/a/cpu.cfs_period_us": "100000"},
            2,
        ),
        (
            "3:cpuacct:/a\n0::/\n",
            {"cpu/a/cpu.cfs_quota_us": "200000", "cpu/a/cpu.cfs_period_us": "100000"},
            None,
        ),
        # a container names its group as the host sees it, and shows it as the root
        ("0::/docker/1f\n", {SECOND: "200000 100000"}, 2),
        ("0::/../../other\n", {SECOND: "200000 100000"}, 2),
        # names may hold a colon
        ("0::/a:b\n", {"a:b/cpu.max": "200000 100000"}, 2),
    ],
)
def test_the_smallest_limit_on_the_way_up_counts(
    tmp_path: Path, membership: str, files: Files, granted: int | None
) -> None:
    assert cpu_quota(*written(tmp_path, files, membership)) == granted


@pytest.mark.parametrize(
    ("membership", "files", "granted"),
    [
        (HERE, {"memory.max": "2147483648\n"}, 1 << 31),
        (HERE, {"memory.max": "max\n"}, None),
        (HERE, {"memory/memory.limit_in_bytes": "9223372036854771712\n"}, None),
        ("0::/a/b\n", {"a/b/memory.max": "max", "a/memory.max": "4096"}, 4096),
        (
            "9:memory:/a/b\n",
            {"memory/a/b/memory.limit_in_bytes": "8192", "memory/memory.limit_in_bytes": "4096"},
            4096,
        ),
        (HERE, {}, None),
    ],
)
def test_memory_is_limited_by_the_smallest_limit_too(
    tmp_path: Path, membership: str, files: Files, granted: int | None
) -> None:
    assert memory_limit(*written(tmp_path, files, membership)) == granted


def test_no_more_are_used_than_seen_and_granted(tmp_path: Path) -> None:
    groups = written(tmp_path, {}, HERE)
    seen = processors(*groups)
    assert seen >= 1
    written(tmp_path, {SECOND: f"{(seen + 1) * 100_000} 100000"}, HERE)
    assert processors(*groups) == seen
    written(tmp_path, {SECOND: "100000 100000"}, HERE)
    assert processors(*groups) == 1


def test_a_system_without_control_groups_sets_no_limit(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path, tmp_path / "missing") is None
    assert memory_limit(tmp_path, tmp_path / "missing") is None


def written(folder: Path, files: Files, membership: str) -> tuple[Path, Path]:
    """A folder of control groups, and the file that names those of the process."""
    root = folder / "root"
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (folder / "membership").write_text(membership)
    return root, folder / "membership"
