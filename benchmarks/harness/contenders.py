"""The servers that are measured, and how each is started."""

import sys
from pathlib import Path

from benchmarks.harness.generator import ROOT
from benchmarks.harness.server import Contender
from benchmarks.peers import install
from worker.models.selection import ModelSpec

OURS = "ours"
# telemetry would disturb the measurement
_NO_TELEMETRY = {"BENTOML_DO_NOT_TRACK": "1", "RAY_USAGE_STATS_ENABLED": "0"}


def ours(precision: str) -> Contender:
    """This service with Redis, API and worker, as ``make serve`` starts it."""
    name = OURS if precision == "auto" else f"{OURS}, {precision}"
    settings = {"PORT": "{port}", "MODEL": "resnet50", "PRECISION": precision}
    return Contender(name, [sys.executable, str(ROOT / "serve.py")], settings)


def peers(spec: ModelSpec, place: Path) -> list[Contender]:
    """The other servers: four with torch, as in their documentation, and two with our engine.

    Args:
        spec: The model that they serve.
        place: Folder of their virtual environments, which are created if they are missing.

    Raises:
        scripts.install.environment.InstallError: A server cannot be installed.
    """
    python = {name: str(install.ensure(name, place)) for name in ("litserve", "bentoml", "ray")}
    litserve = [python["litserve"], "-m", "benchmarks.peers.litserve_app", "{port}"]
    app = "benchmarks.peers.bentoml_app:Classifier"
    where = ["--host", "127.0.0.1", "--port", "{port}"]
    bentoml = [python["bentoml"], "-m", "bentoml", "serve", app, *where]
    ray = [python["ray"], "-m", "benchmarks.peers.ray_app", "{port}"]
    names = {name: install.version(name) for name in python}
    return [
        plain_fastapi(spec),
        _peer(f"LitServe {names['litserve']}", litserve, spec, "torch"),
        _peer(f"BentoML {names['bentoml']}", bentoml, spec, "torch"),
        _peer(f"Ray Serve {names['ray']}", ray, spec, "torch"),
        plain_fastapi(spec, "ours"),
        _peer("LitServe, our engine", litserve, spec, "ours"),
    ]


def plain_fastapi(spec: ModelSpec, engine: str = "torch") -> Contender:
    """The file upload of FastAPI's tutorial, with the model in the same process."""
    name = "plain FastAPI" if engine == "torch" else "plain FastAPI, our engine"
    where = ["--host", "127.0.0.1", "--port", "{port}", "--log-level", "warning"]
    command = [sys.executable, "-m", "uvicorn", "benchmarks.peers.fastapi_app:app", *where]
    return _peer(name, command, spec, engine)


def _peer(name: str, command: list[str], spec: ModelSpec, engine: str) -> Contender:
    environment = {
        "PEER_WEIGHTS": str(spec.weights_path),
        "PEER_RECIPE": spec.recipe.name,
        "PEER_ENGINE": engine,
        "PYTHONPATH": str(ROOT),
    }
    return Contender(name, command, environment | _NO_TELEMETRY)
