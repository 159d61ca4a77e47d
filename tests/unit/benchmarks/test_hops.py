import asyncio
from pathlib import Path

import pytest

from benchmarks.hops import ANSWERED, SENT, STEPS, medians_ms, with_marks
from benchmarks.marked.marks import FOLDER, _file, mark


class Marked:
    def doubled(self, number: int) -> int:
        return 2 * number

    async def fails(self) -> None:
        raise ValueError("as it would without marks")


def test_a_step_is_noted_from_its_begin_to_its_end_however_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    _file.cache_clear()
    mark(Marked, "doubled", "first")
    mark(Marked, "fails", "second")
    assert Marked().doubled(4) == 8
    with pytest.raises(ValueError, match="as it would"):
        asyncio.run(Marked().fails())
    _file().close()
    _file.cache_clear()
    [noted] = tmp_path.iterdir()
    lines = [line.split(" ", 1) for line in noted.read_text().splitlines()]
    assert [step for _, step in lines] == [
        *("first begins", "first ends"),
        *("second begins", "second ends"),
    ]
    times = [float(at) for at, _ in lines]
    assert times == sorted(times)


def test_a_request_has_the_marks_of_its_own_time() -> None:
    requests = [{SENT: 1.0, ANSWERED: 2.0}, {SENT: 2.0, ANSWERED: 3.0}]
    lines = ["2.5 store begins", "1.2 store begins", "1.4 store ends", "3.5 store ends"]
    first, second = with_marks(requests, lines)
    assert first == {SENT: 1.0, ANSWERED: 2.0, "store begins": 1.2, "store ends": 1.4}
    assert second == {SENT: 2.0, ANSWERED: 3.0, "store begins": 2.5}


def test_steps_follow_each_other_from_the_request_to_its_answer() -> None:
    marks = [SENT, *(end for _, _, end in STEPS)]
    assert marks[-1] == ANSWERED
    assert [begin for _, begin, _ in STEPS] == marks[:-1]
    whole = {mark: at / 1000 for at, mark in enumerate(marks)}
    assert medians_ms([whole]) == [(name, pytest.approx(1)) for name, _, _ in STEPS]
    with pytest.raises(ValueError, match="marks are missing"):
        medians_ms([whole, {SENT: 0.0, ANSWERED: 1.0}, {SENT: 0.0, ANSWERED: 1.0}])
