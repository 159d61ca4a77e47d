#!/usr/bin/env bash
# redis-py with hiredis: the asyncio client reads with hiredis, but writes each command in Python.
#
# One would guess: `pip install redis[hiredis]` speeds up both clients in both directions, since the
# synchronous connection uses hiredis for replies and for commands, and both share their settings.
# Seen on 2026-11-29 (redis 8.1.0, hiredis 3.5.0, Python 3.11): the synchronous connection writes a
# command as one block of bytes by `hiredis.pack_command`. The asyncio connection has the same method
# with the same result on the wire, but joins the words in Python: a command with a long value comes
# as several blocks, and a command of forty words, as of a script with its keys and arguments, takes
# several times as long. Its class says nothing of it, and there is no setting for it; a subclass
# that overrides `pack_command` is enough.
# Source: redis/asyncio/connection.py of redis-py, https://github.com/redis/redis-py
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
venv/bin/pip install -q --disable-pip-version-check redis==8.1.0 hiredis==3.5.0
venv/bin/python - <<'PYTHON'
from importlib.metadata import version
from timeit import repeat

import hiredis
import redis
import redis.asyncio

print({name: version(name) for name in ("redis", "hiredis")})
plain, asynchronous = redis.Connection(), redis.asyncio.Connection()
assert redis.asyncio.connection.HIREDIS_AVAILABLE


def blocks(connection, *words):
    written = connection.pack_command(*words)
    return len(written), b"".join(written)


LONG = ("SET", "photo", b"x" * 10_000)
assert blocks(plain, *LONG)[1] == blocks(asynchronous, *LONG)[1] == hiredis.pack_command(LONG)
counts = blocks(plain, *LONG)[0], blocks(asynchronous, *LONG)[0]
print("blocks of one command, synchronous and asyncio:", counts)
assert counts[0] == 1, "the synchronous connection writes in Python now"
assert counts[1] > 1, "the asyncio connection writes with hiredis now"

SCRIPT = ("EVALSHA", "0" * 40, 20, *(f"key:{n}" for n in range(20)), *range(20))
ratio = min(repeat(lambda: asynchronous.pack_command(*SCRIPT), number=2_000)) / min(
    repeat(lambda: plain.pack_command(*SCRIPT), number=2_000)
)
print(f"time for a script's command, asyncio / synchronous: {ratio:.1f}")
assert ratio > 1.5, "both take about the same time now"
PYTHON
