"""Who is measured, and how each is started."""

import sys
from pathlib import Path

from benchmarks.harness.generator import ROOT
from benchmarks.harness.server import Contender
from benchmarks.peers import install
from worker.models.selection import ModelSpec

OURS = "ours"
# what a peer must not do while it is measured: ask home
_NO_TELEMETRY = {"BENTOML_DO_NOT_TRACK": "1", "RAY_USAGE_STATS_ENABLED": "0"}


def ours(precision: str) -> Contender:
    """The whole service, as ``make serve`` starts it."""
    name = OURS if precision == "auto" else f"{OURS}, {precision}"
    settings = {"PORT": "{port}", "MODEL": "resnet50", "PRECISION": precision}
    return Contender(name, [sys.executable, str(ROOT / "serve.py")], settings)


def peers(spec: ModelSpec, place: Path) -> list[Contender]:
    """All of them: with torch as their documentation says, then two with the worker's engine.

    Args:
        spec: The model that they are to serve.
        place: Where their environments are, or will be.

    Raises:
        scripts.install.environment.InstallError: One cannot be installed.
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
    """FastAPI's tutorial on files, and the model in the same process."""
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
