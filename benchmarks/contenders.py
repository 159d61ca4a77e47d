"""Who is measured, and how each is started."""

import sys
from pathlib import Path

from benchmarks.server import Contender
from worker.registry import ModelSpec

ROOT = Path(__file__).resolve().parent.parent
OURS = "ours"


def ours(precision: str) -> Contender:
    """The whole service, as ``make serve`` starts it."""
    name = OURS if precision == "auto" else f"{OURS}, {precision}"
    settings = {"PORT": "{port}", "MODEL": "resnet50", "PRECISION": precision}
    return Contender(name, [sys.executable, str(ROOT / "serve.py")], "/predict", "file", settings)


def peer_environment(spec: ModelSpec, engine: str) -> dict[str, str]:
    """What ``peers/engine.py`` reads."""
    return {
        "PEER_WEIGHTS": str(spec.weights_path),
        "PEER_RECIPE": spec.recipe.name,
        "PEER_ENGINE": engine,
        "PYTHONPATH": str(ROOT),
    }


def plain_fastapi(spec: ModelSpec, engine: str = "torch") -> Contender:
    """FastAPI's tutorial on files, and the model in the same process."""
    name = "plain FastAPI, torch" if engine == "torch" else "plain FastAPI, our engine"
    where = ["--host", "127.0.0.1", "--port", "{port}", "--log-level", "warning"]
    command = [sys.executable, "-m", "uvicorn", "benchmarks.peers.fastapi_app:app", *where]
    return Contender(name, command, "/predict", "file", peer_environment(spec, engine))
