"""The Celery entry: ``celery -A worker.main worker -P threads``.

Order: settings → load → warm up → consume. A failure to load ends the process with one line.
Importing this module connects to nothing and loads no model.
"""

import atexit
import logging
import sys
from typing import Any

from celery import Celery, signals
from celery.worker.consumer import Gossip, Mingle
from pydantic import ValidationError

from shared import log, tracing
from shared.messages import ItemRef
from shared.queue.celery_app import TASK_CLASSIFY, make_celery
from shared.settings import explain
from worker.lifecycle import Service, WrongStore
from worker.models.catalog import ModelUnavailable
from worker.queue import transport
from worker.settings import WorkerSettings

_log = log.get(__name__)

EXIT_CANNOT_SERVE = 3


def fail(line: str) -> None:
    """End the process with one line on stderr instead of a traceback."""
    print(f"worker: {line}", file=sys.stderr)  # noqa: T201 - the one line that a person needs
    sys.exit(EXIT_CANNOT_SERVE)


def make_app(settings: WorkerSettings) -> Celery:
    """The worker's Celery app; each option answers something that was seen to lose or hang."""
    return make_celery(
        settings.broker_url,
        broker_transport_options={
            "socket_timeout": 10,
            "socket_connect_timeout": 2,
            "socket_keepalive": True,
            "health_check_interval": 10,
            "priority_steps": [0],
            "queue_order_strategy": "worker.queue.transport:PreferInteractive",
        },
        # A refused write (full Redis) must cost a reconnect, not the worker.
        broker_channel_error_retry=True,
        # The default gives up after 100 tries and leaves a worker that consumes nothing.
        broker_connection_max_retries=None,
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=2,
        worker_pool="threads",
        worker_concurrency=settings.worker_threads,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        # With the fanout channel that this needs, kombu 5.7.0 ends the worker when Redis goes away
        # with a message in flight (AttributeError while it restores on a detached transport).
        worker_enable_remote_control=False,
        task_acks_late=True,
    )


def read_settings() -> WorkerSettings:
    """The settings from the environment; ends the process when one is wrong."""
    try:
        return WorkerSettings()
    except ValidationError as error:
        fail(explain(error))
        raise


# Neither has a setting. Both open a fanout channel, see worker_enable_remote_control, and tell
# workers about each other nothing that the job record does not know.
Gossip.compatible_transports = Mingle.compatible_transports = frozenset()

settings = read_settings()
service = Service(settings, "worker")
transport.install()
app = make_app(settings)


@app.task(name=TASK_CLASSIFY, acks_late=True, ignore_result=True)
def classify(job_id: str, index: int, attempt: int, alone: bool) -> None:
    """The one task: classify one item."""
    service.pipeline.run(ItemRef(str(job_id), int(index), int(attempt)), alone=bool(alone))


@signals.setup_logging.connect(weak=False)
def _configure_logging(**_: Any) -> None:
    log.configure(settings.log_level, settings.log_format)
    if settings.log_level != "DEBUG":
        # Two lines a photo that say less than the job record does.
        for name in ("celery.app.trace", "celery.worker.strategy"):
            logging.getLogger(name).setLevel(logging.WARNING)


@signals.celeryd_after_setup.connect(weak=False)
def _serve(sender: str, instance: Any, **_: Any) -> None:
    if not instance.pool_cls.__module__.endswith(".thread"):
        fail("start me with -P threads: other pools fork after the model is loaded")
    service.name = sender
    tracing.start(settings, "image-classifier-worker", consumes=True)
    # After Celery has waited for the task threads: a result is written before the worker signs off.
    atexit.register(service.stop)
    try:
        service.start()
    except (ModelUnavailable, WrongStore) as error:
        fail(str(error))
    except Exception:  # noqa: BLE001 - Celery swallows it, and would consume without a model
        _log.exception("cannot load the model")
        fail("the model could not be loaded; the lines above say why")


@signals.worker_shutting_down.connect(weak=False)
def _stopping(**_: Any) -> None:
    service.stopping.set()
