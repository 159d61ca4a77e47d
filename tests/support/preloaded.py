"""Imports what the forked processes run: the libraries, and the project without its entry points.

An entry point reads the settings of its process, so each process imports that itself.
The worker's modules that compute, and with them torch, are left out.
"""

import importlib
import pkgutil
from types import ModuleType

import api
import image_classifier_client
import shared

NAMES = [
    "celery.app.amqp",
    "celery.apps.worker",
    "celery.backends.base",
    "celery.bin.celery",
    "celery.concurrency.thread",
    "celery.events.receiver",
    "celery.fixups.django",
    "celery.worker.consumer",
    "celery.worker.strategy",
    "httptools",
    "httpx",
    "kombu.transport.memory",
    "kombu.transport.redis",
    "lxml.etree",
    "numpy.typing",
    "PIL.AvifImagePlugin",
    "PIL.JpegImagePlugin",
    "PIL.PngImagePlugin",
    "PIL.WebPImagePlugin",
    "tqdm",
    "uvicorn.lifespan.on",
    "uvicorn.loops.uvloop",
    "uvicorn.protocols.http.httptools_impl",
    "worker.lifecycle",
    "worker.queue.batch_consumer",
]


def _import_all_of(package: ModuleType) -> None:
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith(".main"):
            importlib.import_module(module.name)


for name in NAMES:
    importlib.import_module(name)
for package in (api, image_classifier_client, shared):
    _import_all_of(package)
