"""The example of an overlay, deploy/kubernetes/example.yaml, built but for its address."""

from typing import Any

import yaml

from scripts.checks.manifests import FOLDER, build_own, faults
from scripts.install.environment import ROOT

ADDRESS = "github.com/you/image-classifier//deploy/kubernetes"


def test_the_example_builds_and_does_what_it_says() -> None:
    text = (ROOT / "deploy" / "kubernetes" / "example.yaml").read_text()
    assert ADDRESS in text
    example = yaml.safe_load(text.replace(ADDRESS, str(FOLDER)))
    manifests = build_own(example)
    assert [said for manifest in manifests for said in faults(manifest)] == []
    settings = next(m for m in manifests if m["metadata"]["name"].startswith("settings-"))["data"]
    assert settings["UPLOADS_URL"] == "s3://photos/uploads"
    scaled: Any = next(m for m in manifests if m["kind"] == "ScaledObject")
    [server] = {trigger["metadata"]["serverAddress"] for trigger in scaled["spec"]["triggers"]}
    assert server == "http://prometheus-operated.monitoring.svc:9090"
    images = {
        container["image"]
        for manifest in manifests
        if manifest["kind"] in {"Deployment", "Job"}
        for container in manifest["spec"]["template"]["spec"]["containers"]
    }
    assert images == {"REGISTRY/image-classifier-api:1", "REGISTRY/image-classifier-worker:1"}
