"""The service's user of Redis may do what the service does, and nothing else."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError

from shared.redis_client import connect
from tests.integration.secured.conftest import USERS, Guarded
from tests.integration.secured.everything import run_everything
from tests.support.api_process import ApiProcess
from tests.support.live_service import coloured
from tests.support.served import eventually

# Every user may say these, for they come before it is known who it is.
ALWAYS = {"auth", "hello"}
# Of which the list names the subcommand.
WITH_SUBCOMMANDS = {"client", "script"}
# Which name no key; what a script touches is heard by itself.
KEYLESS = {"client|setinfo", "evalsha", "exec", "info", "multi", "ping", "script|load", "time"}
CHANNELLED = {"publish", "subscribe"}
# As narrow as they can be said: ids come after them.
KEYS = {"~ic:*", "~interactive", "~batch", "~_kombu.binding*"}
CHANNELS = {"&ic:done:*", "&/0.celeryev/*"}


@contextmanager
def listening(guarded: Guarded) -> Iterator[set[tuple[str, str]]]:
    """Every command of the service with what it names first, those inside of scripts included."""
    heard: set[tuple[str, str]] = set()
    with Redis.from_url(guarded.server.url, socket_timeout=None).monitor() as monitor:

        def listen() -> None:
            for seen in monitor.listen():
                words = seen["command"].split()
                command = words[0].lower()
                if [command, *words[1:]] == ["echo", "end"]:
                    return
                if seen["client_type"] != "unix":
                    taken = 1 + (command in WITH_SUBCOMMANDS)
                    command = "|".join(words[:taken]).lower()
                    heard.add((command, "".join(words[taken : taken + 1])))

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield heard
        finally:
            guarded.admin.echo("end")
            thread.join(10)


def matched(names: set[str], patterns: set[str]) -> set[str]:
    """Those of the patterns that a name needs; a name that fits none stands for itself."""
    return {
        next((pattern for pattern in patterns if fnmatchcase(name, pattern[1:])), name)
        for name in names
    }


def test_a_redis_user_has_the_rights_it_needs_and_no_others(
    guarded: Guarded, tmp_path: Path
) -> None:
    with listening(guarded) as heard:
        run_everything(guarded.url(), guarded.admin, tmp_path)
    assert guarded.admin.acl_log() == []
    commands = {command for command, _ in heard} - ALWAYS
    assert commands == set(re.findall(r"\+(\S+)", USERS))
    user = guarded.admin.acl_getuser("classifier")
    channels = {name for command, name in heard if command in CHANNELLED}
    assert matched(channels, CHANNELS) == set(user["channels"])
    keys = {name for command, name in heard if command in commands - KEYLESS - CHANNELLED}
    assert matched(keys, KEYS) == set(user["keys"])
    assert not user["selectors"]


def test_a_redis_user_has_no_other_keys_and_no_other_commands(guarded: Guarded) -> None:
    with connect(guarded.url(), 2) as client:
        assert client.get("ic:model") is None
        for forbidden in (
            lambda: client.get("another"),
            lambda: client.publish("another", ""),
            lambda: client.keys("*"),
            client.flushall,
            lambda: client.config_get("*"),
            lambda: client.eval("return redis.call('GET', 'another')", 0),
        ):
            with pytest.raises(NoPermissionError):
                forbidden()


def test_redis_refuses_unknown_users(guarded: Guarded) -> None:
    url = f"redis://127.0.0.1:{guarded.port}/0?protocol=2"
    with connect(url, 2) as client, pytest.raises(AuthenticationError):
        client.ping()


@pytest.mark.parametrize("less", ["-evalsha", "-lpush", "-zadd", "-hset", "resetkeys"])
def test_without_one_of_them_nothing_is_accepted(
    guarded: Guarded, tmp_path: Path, less: str
) -> None:
    with ApiProcess(guarded.url(), tmp_path) as api:
        asynchronous = {"prefer": "respond-async"}
        answer = api.client.post("/predict", content=coloured(1), headers=asynchronous)
        assert answer.status_code == 202
        guarded.admin.execute_command("ACL", "SETUSER", "classifier", less)
        answer = api.client.post("/predict", content=coloured(1), headers=asynchronous)
        assert answer.status_code == 503
        eventually(lambda: len(api.stored()) == 1, 15)
