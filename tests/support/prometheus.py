"""A real Prometheus (Debian's package) with the project's configuration."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.support.photos import free_port
from tests.support.served import eventually

MONITORING = Path(__file__).resolve().parents[2] / "deploy" / "monitoring"


def program(name: str) -> str:
    path = shutil.which(name)
    assert path, f"{name} is missing: apt-get install prometheus"
    return path


class Prometheus:
    """A Prometheus process with the project's configuration, which scrapes once a second.

    Args:
        folder: Folder for its files.
        target: Address of an API.
        others: Addresses of more APIs; their series have one more label, as from service discovery.
    """

    def __init__(self, folder: Path, target: str, *others: str) -> None:
        text = (MONITORING / "prometheus.yml").read_text()
        assert "api:8000" in text
        text = text.replace("api:8000", target).replace("15s", "1s")
        config = yaml.safe_load(text)
        for number, other in enumerate(others):
            labelled = {"targets": [other], "labels": {"node": f"node-{number}"}}
            config["scrape_configs"][0]["static_configs"].append(labelled)
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        (folder / "rules.yml").write_text((MONITORING / "rules.yml").read_text())
        address = f"127.0.0.1:{free_port()}"
        self.client = httpx.Client(base_url=f"http://{address}", trust_env=False)
        command = [program("prometheus"), "--config.file=prometheus.yml"]
        options = [f"--web.listen-address={address}", "--storage.tsdb.path=data"]
        with (folder / "prometheus.log").open("wb") as log:
            self.process = subprocess.Popen(
                [*command, *options], cwd=folder, stdout=log, stderr=log
            )
        eventually(self._is_ready, 30)

    def _is_ready(self) -> bool:
        try:
            return self.client.get("/-/ready").status_code == 200
        except httpx.TransportError:
            return False

    def query(self, expression: str) -> list[dict[str, Any]]:
        answer = self.client.get("/api/v1/query", params={"query": expression}).json()
        assert answer["status"] == "success", answer
        result: list[dict[str, Any]] = answer["data"]["result"]
        return [s for s in result if s["value"][1] != "NaN"]

    def stop(self) -> None:
        self.client.close()
        self.process.kill()
        self.process.wait(10)
