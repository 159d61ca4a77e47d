"""The names of all Redis keys and channels, for Python and, through `lua_names`, for Lua.

Celery's own keys have the names of the queues; see `shared.queue.names`.
"""

from collections.abc import Collection

PREFIX = "ic:"

# A job: its record (a hash), and three keys for its items, with these suffixes.
JOB = PREFIX + "job:"
STATES, ITEMS, RESULTS = ":states", ":items", ":results"
IDEMPOTENCY = PREFIX + "idempotency:"
DONE_CHANNEL = PREFIX + "done:"

# The index of unfinished items.
SEQ = PREFIX + "seq"
STARTED = PREFIX + "started"
# Jobs whose messages are still being sent, by the time of the last message in ms: a sorted set.
SENDING = PREFIX + "sending"
# The batches of all owners, and of one, by their number; and ``owner:id`` of each finished batch by
# the time in ms at which its record expires: sorted sets.
JOBS = PREFIX + "jobs"
JOBS_OF = PREFIX + "jobs:"
EXPIRING = PREFIX + "expiring"
QUEUED = PREFIX + "queued:"
HELD = PREFIX + "held:"

# With API keys, for each queue: how many items of each owner wait (a hash), which owners have
# messages that wait for their turn (a list), and these messages (for each owner a list).
OWNED = PREFIX + "owned:"
TURNS = PREFIX + "turns:"
TURN = PREFIX + "turn:"
# When each owner last had a turn, in ms; and how many more turns in a row it has: hashes.
TURNED = PREFIX + "turned:"
FIRST = PREFIX + "first:"

# Workers.
BEATS = PREFIX + "beats"
WORKERS = PREFIX + "workers"
MODEL = PREFIX + "model"
RECONCILER = PREFIX + "reconciler"

# The id of the upload store, see `shared.uploads.identity`.
UPLOADS_ID = PREFIX + "uploads:id"

# Never exists: deleting it tests whether Redis accepts writes.
PROBE = PREFIX + "probe"

# Counters.
ENDED = PREFIX + "ended"
UNRUN = PREFIX + "unrun"
RESENT = PREFIX + "resent"
DISCARDED = PREFIX + "discarded"
METRICS = PREFIX + "metrics"
METRICS_SEEN = PREFIX + "metrics:seen:"


def job(job_id: str) -> str:
    """The job's record: a hash."""
    return JOB + job_id


def states(job_id: str) -> str:
    """Each item's state line by its index: a hash."""
    return JOB + job_id + STATES


def items(job_id: str) -> str:
    """Each item's name and upload as JSON, in input order: a list."""
    return JOB + job_id + ITEMS


def results(job_id: str) -> str:
    """The result of each finished item by its index: a hash."""
    return JOB + job_id + RESULTS


def idempotency(key: str) -> str:
    """Which job was created under a client's key: a hash."""
    return IDEMPOTENCY + key


def queued(queue: str) -> str:
    """The items that wait in a queue, by the number of their message: a sorted set.

    The score ``inf`` means that the item's message has not been sent yet.
    """
    return QUEUED + queue


def owned(queue: str) -> str:
    """How many items of each owner wait in a queue: a hash."""
    return OWNED + queue


def held(incarnation: str) -> str:
    """The items that a worker has started and not finished: a set."""
    return HELD + incarnation


def metrics_seen(incarnation: str) -> str:
    """The totals in a worker's last heartbeat: a string of JSON."""
    return METRICS_SEEN + incarnation


def jobs(owner: str) -> str:
    """The batches of an owner, or of all, by their number: a sorted set."""
    return JOBS_OF + owner if owner else JOBS


def lua_names(used: Collection[str]) -> str:
    """A Lua table ``KEY`` of these constants; Redis builds it whenever a script runs."""
    names = {name: value for name, value in globals().items() if name in used}
    return "local KEY = {" + ", ".join(f"{k} = '{v}'" for k, v in names.items()) + "}\n"
