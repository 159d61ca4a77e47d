"""The Prefer header, as RFC 7240 has it and as clients send it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.dependencies import parse_prefer


@pytest.mark.parametrize(
    ("headers", "wait_s", "applied"),
    [
        ([], 30, None),
        ([""], 30, None),
        (["wait=10"], 10, "wait=10"),
        (["Wait = 10"], 10, "wait=10"),
        (['wait="10"'], 10, "wait=10"),
        (["wait=0"], 0, "wait=0"),
        (["wait=500"], 120, "wait=120"),
        (["wait=10; foo=bar"], 10, "wait=10"),
        (["wait=1, wait=2"], 1, "wait=1"),
        (["respond-async"], 0, "respond-async"),
        (["respond-async, wait=10"], 10, "respond-async, wait=10"),
        (["wait=10", "respond-async"], 10, "respond-async, wait=10"),
        (["return=minimal, handling=lenient"], 30, None),
        (['foo="a, wait=1", wait=2'], 2, "wait=2"),
        (["wait=-1"], 30, None),
        (["wait=1.5"], 30, None),
        (["wait=soon"], 30, None),
        (["wait"], 30, None),
        (["wait=٣"], 30, None),
        (["wait=" + "9" * 900], 120, "wait=120"),
    ],
)
def test_known_preferences_are_applied_and_others_ignored(
    headers: list[str], wait_s: float, applied: str | None
) -> None:
    found = parse_prefer(headers, 30)
    assert (found.wait_s, found.applied) == (wait_s, applied)


@given(st.lists(st.text()))
def test_any_header_is_understood_or_ignored(headers: list[str]) -> None:
    assert 0 <= parse_prefer(headers, 30).wait_s <= 120


@pytest.mark.parametrize("piece", ['"', ",", "a=", 'a="', ";", " ", "wait=1 "])
@pytest.mark.timeout(30)
def test_a_hostile_header_takes_no_time(piece: str) -> None:
    """So long that anything but a linear look at it would take hours."""
    parse_prefer([piece * 500_000], 30)
