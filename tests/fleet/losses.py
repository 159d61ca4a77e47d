"""Hosts and links that are lost, each while it carries work; what comes back is in seconds."""

import threading
import time

from tests.chaos.cluster import ask
from tests.chaos.faults import API_WITHIN_S, HELD, holding, items_end, serves, strike
from tests.chaos.intruders import SlowUpload
from tests.chaos.traffic import Traffic
from tests.fleet.fleet import APIS, REDIS, WORKERS, Fleet

CUT_S = 10.0
# TCP itself is in no hurry after so long a cut.
BACK_WITHIN_S = 20
# What the balancer's keepalives take to give up a host that says nothing, and some.
TOLD_WITHIN_S = 20
LOST_WORKER, LOST_API = 1, 0
TRIES = 5
UPLOADS = 4


def lose_worker(fleet: Fleet, traffic: Traffic, batch: str) -> float:
    """For good, while it holds photos of that batch; the others have to end them."""
    host = WORKERS[LOST_WORKER]
    held = strike(
        fleet,
        traffic,
        [LOST_WORKER],
        lambda: fleet.network.cut(host),
        lambda: fleet.network.mend(host),
    )
    began = time.monotonic()
    fleet.lose(host, fleet.workers[LOST_WORKER])
    assert any(member.startswith(f"{batch}:") for member in held), "it held none of the batch"
    items_end(fleet, held)
    return time.monotonic() - began


def cut_redis(fleet: Fleet, traffic: Traffic) -> float:
    """It is unreachable and closes no connection, while every worker that is left holds work."""
    living = [number for number in range(len(WORKERS)) if number != LOST_WORKER]
    holding(fleet, traffic, *living)
    refused = traffic.told.refused
    fleet.network.cut(REDIS)
    time.sleep(CUT_S)
    held = [fleet.held(number) for number in living]
    assert all(len(found) >= HELD for found in held), "a worker held no work"
    assert traffic.told.refused > refused, "no client noticed"
    fleet.network.mend(REDIS)
    took = serves(fleet, BACK_WITHIN_S)
    items_end(fleet, set().union(*held))
    return took


def lose_api(fleet: Fleet, traffic: Traffic) -> float:
    """For good, while clients wait for it and one is in the middle of sending it a batch."""
    upload = SlowUpload(fleet.urls()[LOST_API], 200)
    fleet.until(lambda: _without_record(fleet) >= 50, 30)
    took = _strand(fleet, traffic)
    fleet.lose(APIS[LOST_API], fleet.apis[LOST_API])
    # a request that is sent to the lost host waits two seconds before it is sent elsewhere
    fleet.until(lambda: all(ask(f"{fleet.url}/health/live", 1.5) for _ in range(8)), 10)
    upload.end()
    assert upload.cut, "it had all of the batch"
    return took


def _strand(fleet: Fleet, traffic: Traffic) -> float:
    """Cut the host off, again and again until that broke off somebody's request."""
    for _ in range(TRIES):
        cut = traffic.told.cut
        # so many large jobs that the balancer gives some to this host
        uploads = [threading.Thread(target=traffic.burst) for _ in range(UPLOADS)]
        for upload in uploads:
            upload.start()
        fleet.until(lambda: traffic.open >= UPLOADS, 20)
        fleet.network.cut(APIS[LOST_API])
        took = serves(fleet, API_WITHIN_S)
        for upload in uploads:
            upload.join()
        end = time.monotonic() + TOLD_WITHIN_S
        while time.monotonic() < end:
            if traffic.told.cut > cut:
                return took
            time.sleep(0.05)
        fleet.network.mend(APIS[LOST_API])
    raise AssertionError("no request was in flight")


def _without_record(fleet: Fleet) -> int:
    """Photos in the bucket whose jobs are not there, or not yet."""
    stored = fleet.stored_jobs()
    recorded = fleet.jobs()
    return sum(count for job, count in stored.items() if job not in recorded)
