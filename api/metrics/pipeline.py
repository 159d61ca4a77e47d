"""Metrics of the whole pipeline, read from Redis at each scrape: every API process has the same."""

import contextlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from itertools import product

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from redis.asyncio import Redis

from shared import redis_keys
from shared.errors import ITEM_ERRORS
from shared.queue.names import QueueName
from shared.worker_metrics import BY_WORKERS, PREFIX, read_field

# The outcomes of an item.
ITEM_ENDS = ("succeeded", "cancelled", *(error.slug for error in ITEM_ERRORS))


async def read(client: Redis, owners: Collection[str] = ()) -> list[Metric]:
    """All metrics of the pipeline that are in Redis; ``owners``: of the API keys.

    Raises:
        redis.exceptions.RedisError: Redis does not respond.
    """
    async with client.pipeline(transaction=False) as pipe:
        pipe.hgetall(redis_keys.METRICS)
        pipe.hgetall(redis_keys.ENDED)
        pipe.hgetall(redis_keys.UNRUN)
        pipe.hgetall(redis_keys.RESENT)
        pipe.time()
        for queue in QueueName:
            pipe.zrange(redis_keys.queued(queue), 0, 0)
        totals, ended, unrun, resent, now, *oldest = await pipe.execute()
        # the queued item may be started before this second round trip
        for members in oldest:
            job_id = members[0].rpartition(":")[0] if members else ""
            pipe.hget(redis_keys.job(job_id), "created_ms")
        created = await pipe.execute()
    now_ms = now[0] * 1000 + now[1] / 1000
    return [
        *_by_workers(totals),
        *_ended(owners, ended, unrun),
        _resent(resent),
        _age(created, now_ms),
    ]


def _age(created: list[str | None], now_ms: float) -> Metric:
    age = GaugeMetricFamily(
        PREFIX + "queue_oldest_age_seconds",
        "Age of the job whose item is next; 0 while none waits.",
        labels=["queue"],
    )
    for queue, created_ms in zip(QueueName, created, strict=True):
        seconds = max(0.0, now_ms - int(created_ms)) / 1000 if created_ms else 0.0
        age.add_metric([queue.value], seconds)
    return age


def _ended(owners: Collection[str], *counts: Mapping[str, str]) -> Iterable[Metric]:
    """Finished items by queue and outcome, including items that never ran; the same by owner."""
    all_ends: Counter[tuple[str, ...]] = Counter()
    by_owner: Counter[tuple[str, ...]] = Counter()
    # a series that begins at its first event hides that event from rate()
    for labels in product(map(str, QueueName), ITEM_ENDS):
        all_ends[labels] = 0
        by_owner.update({(*labels, owner): 0 for owner in owners})
    for by_field in counts:
        for name, count in by_field.items():
            queue, end, *owner = name.split("|")
            all_ends[queue, end] += int(count)
            if set(owner) & set(owners):  # an owner whose keys were removed has no series
                by_owner[queue, end, *owner] += int(count)
    yield _family("items_ended", "Items that ended, and how.", ["queue", "end"], all_ends)
    named = ["queue", "end", "owner"]
    yield _family("owner_items_ended", "The same by owner of an API key.", named, by_owner)


def _family(
    name: str, about: str, labels: list[str], totals: Mapping[tuple[str, ...], int]
) -> Metric:
    family = CounterMetricFamily(PREFIX + name, about, labels=labels)
    for values, total in sorted(totals.items()):
        family.add_metric(values, total)
    return family


def _resent(counts: Mapping[str, str]) -> Metric:
    family = CounterMetricFamily(
        PREFIX + "items_resent",
        "Items that were sent again: their worker or their message was lost, or their worker was "
        "faulty.",
        labels=["reason"],
    )
    # a series that begins at its first event hides that event from rate()
    for reason in ("worker_lost", "message_lost", "worker_fault", "worker_stopped"):
        family.add_metric([reason], int(counts.get(reason, 0)))
    return family


def _by_workers(totals: Mapping[str, str]) -> Iterable[Metric]:
    metrics = {family: Metric(family.name, family.help, family.kind) for family in BY_WORKERS}
    owners = {name: family for family in BY_WORKERS for name in family.sample_names}
    for text, value in totals.items():
        # a worker of another version may have metrics that this version does not know
        with contextlib.suppress(ValueError, KeyError):
            name, labels = read_field(text)
            metrics[owners[name]].add_sample(name, labels, float(value))
    for metric in metrics.values():
        metric.samples.sort(key=lambda sample: (sample.name, _order(sample.labels)))
    return metrics.values()


def _order(labels: dict[str, str]) -> tuple[list[tuple[str, str]], float]:
    others = sorted((name, value) for name, value in labels.items() if name != "le")
    return others, float(labels.get("le", "inf"))
