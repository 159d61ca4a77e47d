"""The name of every Redis key and channel, once: for Python, and for Lua by `lua_names`.

What Celery itself owns has the queues' own names, see `shared.queue.names`.
"""

PREFIX = "ic:"

# A job: its record (a hash), and three keys for its items, which end in these suffixes.
JOB = PREFIX + "job:"
STATES, ITEMS, RESULTS = ":states", ":items", ":results"
IDEMPOTENCY = PREFIX + "idempotency:"
DONE_CHANNEL = PREFIX + "done:"

# The index of unfinished items.
SEQ = PREFIX + "seq"
STARTED = PREFIX + "started"
# When a job that is not sent to its end last made progress: a sorted set of jobs by ms.
SENDING = PREFIX + "sending"
QUEUED = PREFIX + "queued:"
HELD = PREFIX + "held:"

# Workers.
BEATS = PREFIX + "beats"
WORKERS = PREFIX + "workers"
MODEL = PREFIX + "model"
RECONCILER = PREFIX + "reconciler"

# The id of the upload store, see `shared.uploads.identity`.
UPLOADS_ID = PREFIX + "uploads:id"

# Never there: deleting it asks whether Redis accepts writes.
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

    ``inf`` stands for an item whose message has not been sent yet.
    """
    return QUEUED + queue


def held(incarnation: str) -> str:
    """The items that a worker has started and not finished: a set."""
    return HELD + incarnation


def metrics_seen(incarnation: str) -> str:
    """The totals in a worker's last heartbeat: a string of JSON."""
    return METRICS_SEEN + incarnation


def lua_names() -> str:
    """A Lua table ``KEY`` with every name of this module that is a constant."""
    names = {name: value for name, value in globals().items() if name.isupper()}
    return "local KEY = {" + ", ".join(f"{k} = '{v}'" for k, v in names.items()) + "}\n"
