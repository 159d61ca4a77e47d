"""Services on this machine are reached without a proxy, whatever the variables say."""

import os

import pytest

from shared.loopback import reach_directly


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, "localhost,127.0.0.1,::1"),
        ({"NO_PROXY": ""}, "localhost,127.0.0.1,::1"),
        ({"NO_PROXY": "store.lan"}, "store.lan,localhost,127.0.0.1,::1"),
        ({"no_proxy": "store.lan"}, "store.lan,localhost,127.0.0.1,::1"),
        # the lower-case name goes first, as in curl and requests
        ({"no_proxy": "a", "NO_PROXY": "b"}, "a,localhost,127.0.0.1,::1"),
        ({"no_proxy": "*"}, "*"),
        ({"no_proxy": "127.0.0.1, x"}, "127.0.0.1,x,localhost,::1"),
    ],
)
def test_loopback_is_added_to_what_is_excluded(
    monkeypatch: pytest.MonkeyPatch, before: dict[str, str], after: str
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")  # so that it is restored at the end, whatever it was
        monkeypatch.delenv(name)
    for name, value in before.items():
        monkeypatch.setenv(name, value)
    for _ in range(2):
        reach_directly()
        assert os.environ["NO_PROXY"] == os.environ["no_proxy"] == after
