"""How long the rest of a body is discarded after an early answer."""

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from api.server.early_response import EarlyResponse
from api.server.http_connection import stays_open

ENDLESS = {"type": "http.request", "body": b"a", "more_body": True}
LINGER_S, IDLE_S = 0.5, 0.1
ANSWER = [
    {"type": "http.response.start", "status": 503, "headers": [(b"content-length", b"2")]},
    {"type": "http.response.body", "body": b"no"},
]


async def refuse(_scope: Scope, _receive: Receive, send: Send) -> None:
    for message in ANSWER:
        await send(message)


async def exchange(receive: Receive, *fields: tuple[bytes, bytes]) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "http_version": "1.1", "headers": list(fields)}
    app = EarlyResponse(refuse, linger_s=LINGER_S, idle_s=IDLE_S)
    await asyncio.wait_for(app(scope, receive, send), 20)
    return sent


LARGE = (b"content-length", b"99000000")


@pytest.mark.parametrize("pause_s", [0.001, 0.06], ids=["fast", "slowly"])
async def test_a_body_without_end_is_read_for_a_limited_time(
    pause_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop's clock moves only when something is read, however busy the machine is."""
    now, reads = 0.0, 0
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)

    async def receive() -> Message:
        nonlocal now, reads
        now, reads = now + pause_s, reads + 1
        await asyncio.sleep(0)
        return ENDLESS

    sent = await exchange(receive, (b"transfer-encoding", b"chunked"))
    assert LINGER_S <= now < LINGER_S + 3 * pause_s
    assert reads > 2
    assert [message.get("more_body") for message in sent] == [None, True, False]


async def test_a_silent_client_is_not_waited_for() -> None:
    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    assert len(await exchange(receive, LARGE)) == 3


async def test_a_client_that_leaves_ends_it() -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    assert len(await exchange(receive, LARGE)) == 3


@pytest.mark.parametrize(
    ("version", "fields", "left"),
    [
        ("1.1", [], True),
        ("1.1", [(b"content-length", b"9")], True),
        ("1.1", [LARGE], False),
        ("1.1", [(b"content-length", b"9"), (b"connection", b"Close")], False),
        ("1.1", [(b"content-length", b"9"), (b"expect", b"100-continue")], False),
        ("1.1", [(b"transfer-encoding", b"chunked")], False),
        ("1.0", [(b"content-length", b"9")], False),
        ("1.0", [], True),
    ],
)
def test_a_small_body_is_left_to_the_server(
    version: str, fields: list[tuple[bytes, bytes]], left: bool
) -> None:
    assert stays_open({"http_version": version, "headers": fields}) is left


async def test_nothing_is_read_from_a_client_that_expects_100() -> None:
    async def receive() -> Message:
        raise AssertionError

    [start, body] = await exchange(receive, LARGE, (b"expect", b"100-continue"))
    assert (b"connection", b"close") in start["headers"]
    assert body == ANSWER[1]
