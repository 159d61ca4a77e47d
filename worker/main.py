"""The worker process: ``celery -A worker.main worker -P threads``.

It reads the settings, loads the model, warms it up and then receives messages. If the model cannot
be loaded, it prints one line and exits. Import opens no connection and loads no model.
"""

import atexit
import logging
import sys
from typing import Any

from celery import Celery, Task, signals
from celery.worker.consumer import Gossip, Mingle
from pydantic import ValidationError

from shared import log, tracing
from shared.messages import Chunk, ItemRef
from shared.queue.celery_app import TASK_CLASSIFY, TASK_CLASSIFY_CHUNK, make_celery
from shared.queue.names import QueueName
from shared.settings import explain
from worker.lifecycle import Service, WrongStore
from worker.models.selection import ModelUnavailable
from worker.queue import batch_consumer, transport
from worker.settings import WorkerSettings

_log = log.get(__name__)

EXIT_CANNOT_SERVE = 3


def fail(line: str) -> None:
    """End the process with one line on stderr instead of a traceback."""
    print(f"worker: {line}", file=sys.stderr)  # noqa: T201 - the one line that a person needs
    sys.exit(EXIT_CANNOT_SERVE)


def make_app(settings: WorkerSettings) -> Celery:
    """The worker's Celery app; without these options, messages were lost or the worker hung."""
    return make_celery(
        settings.broker_url,
        broker_transport_options={
            "socket_timeout": 10,
            "socket_connect_timeout": 2,
            "socket_keepalive": True,
            "health_check_interval": 10,
            "priority_steps": [0],
        },
        # After a refused write (full Redis), reconnect instead of ending the worker.
        broker_channel_error_retry=True,
        # By default Celery gives up after 100 tries, but the worker stays without messages.
        broker_connection_max_retries=None,
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=2,
        worker_pool="threads",
        # so many for each queue, see worker.queue.batch_consumer
        worker_concurrency=settings.worker_threads * len(QueueName),
        worker_prefetch_multiplier=1,
        # The limits are those of worker.queue.batch_consumer, also after a reconnect.
        worker_enable_prefetch_count_reduction=False,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        # Remote control needs a fanout channel, with which kombu 5.7.0 ends the worker if Redis
        # disconnects during a message (AttributeError while it restores on a detached transport).
        worker_enable_remote_control=False,
        task_acks_late=True,
    )


def read_settings() -> WorkerSettings:
    """Read the settings from the environment; if one is invalid, end the process."""
    try:
        return WorkerSettings()
    except ValidationError as error:
        fail(explain(error))
        raise


# Neither has a setting to disable it. Both open a fanout channel, see worker_enable_remote_control,
# and exchange only information that is in the job records too.
Gossip.compatible_transports = Mingle.compatible_transports = frozenset()

settings = read_settings()
service = Service(settings, "worker")
transport.install()
app = make_app(settings)
app.amqp.queues.select([QueueName.INTERACTIVE.value])
app.steps["consumer"].add(batch_consumer.BatchConsumer)


@app.task(name=TASK_CLASSIFY, bind=True, acks_late=True, ignore_result=True)
def classify(task: Task, job_id: str, index: int, attempt: int, alone: bool) -> None:
    """Classify one item."""
    service.pipeline.run([ItemRef(job_id, index, attempt)], _queue_of(task), alone=alone)


@app.task(name=TASK_CLASSIFY_CHUNK, bind=True, acks_late=True, ignore_result=True)
def classify_chunk(task: Task, job_id: str, first: int, count: int) -> None:
    """Classify several items of a job."""
    service.pipeline.run(Chunk(job_id, first, count).refs, _queue_of(task))


def _queue_of(task: Task) -> QueueName:
    return QueueName(task.request.delivery_info["routing_key"])


@signals.setup_logging.connect(weak=False)
def _configure_logging(**_: Any) -> None:
    log.configure(settings.log_level, settings.log_format)
    if settings.log_level != "DEBUG":
        # These log two lines per photo, with less information than the job record.
        for name in ("celery.app.trace", "celery.worker.strategy"):
            logging.getLogger(name).setLevel(logging.WARNING)


@signals.celeryd_after_setup.connect(weak=False)
def _serve(sender: str, instance: Any, **_: Any) -> None:
    if not instance.pool_cls.__module__.endswith(".thread"):
        fail("start the worker with -P threads: other pools fork after the model is loaded")
    service.name = sender
    tracing.start(settings, "image-classifier-worker", consumes=True)
    # Runs after Celery has waited for the task threads, so results are written before it.
    atexit.register(service.stop)
    try:
        service.start()
    except (ModelUnavailable, WrongStore) as error:
        fail(str(error))
    except Exception:  # noqa: BLE001 - Celery swallows it, and would consume without a model
        _log.exception("cannot load the model")
        fail("the model could not be loaded; see the lines above")


@signals.worker_shutting_down.connect(weak=False)
def _stopping(**_: Any) -> None:
    service.stopping.set()
