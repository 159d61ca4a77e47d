"""Checks that the Kubernetes manifests build and fit their schemas.

Builds each overlay without components, with each of them and with all, and checks the result
against schemas: of the oldest and the newest Kubernetes that is meant to run it, and KEDA's own.
A field that no schema knows is a fault, because Kubernetes would ignore it. Needs no cluster.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml
from cloudcoil.models.keda.v1alpha1 import ScaledObject

from scripts.checks.kubectl import NoKubectl, find
from scripts.install.environment import ROOT

FOLDER = ROOT / "deploy" / "kubernetes"
VERSIONS = ("1.30", "1.37")
# Fields of a kustomization with paths; Kustomize refuses absolute ones.
NAMED = ("resources", "components")

Manifest = dict[str, Any]


def build(folder: Path) -> list[Manifest]:
    """Build a Kustomize folder.

    Raises:
        subprocess.CalledProcessError: It does not build; kubectl has said why.
    """
    built = subprocess.run([find(), "kustomize", folder], stdout=subprocess.PIPE, check=True).stdout
    return list(yaml.safe_load_all(built))


def build_all() -> Iterator[tuple[str, list[Manifest]]]:
    """Every overlay without components, with each of them, and with all."""
    components = sorted((FOLDER / "components").iterdir())
    for overlay in sorted((FOLDER / "overlays").iterdir()):
        yield overlay.name, build(overlay)
        for some in (*([one] for one in components), components):
            names = " and ".join(component.name for component in some)
            own = {"resources": [overlay], "components": some}
            yield f"{overlay.name} with {names}", build_own(own)


def build_own(overlay: dict[str, Any]) -> list[Manifest]:
    """What somebody's own overlay amounts to, of whole paths to folders of this repository."""
    with tempfile.TemporaryDirectory() as folder:
        here = os.path.realpath(folder)
        named = {key: [os.path.relpath(place, here) for place in overlay[key]] for key in NAMED}
        Path(folder, "kustomization.yaml").write_text(yaml.safe_dump({**overlay, **named}))
        return build(Path(folder))


def faults(manifest: Manifest) -> list[str]:
    """The schema errors of one object."""
    errors: list[tuple[str, Any]] = []
    if manifest["apiVersion"].startswith("keda.sh/"):
        errors += [("KEDA", error) for error in _keda_schema().iter_errors(manifest)]
    else:
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(manifest, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                errors.append((f"Kubernetes {version}", error))
    what = f"{manifest['kind']} {manifest['metadata']['name']}"
    return [
        f"{what}, {'.'.join(map(str, error.path))}: {error.message} ({whose})"
        for whose, error in errors
    ]


@cache
def _keda_schema() -> jsonschema.Draft202012Validator:
    """The schema of KEDA's own definition, from a package; unknown fields are errors."""
    schema = ScaledObject.model_json_schema()
    for part in (schema, *schema["$defs"].values()):
        if "properties" in part:
            part.setdefault("additionalProperties", False)
    return jsonschema.Draft202012Validator(schema)


def main() -> int:
    """Print all errors; returns the exit code."""
    wrong = []
    seen: list[Manifest] = []
    try:
        for name, manifests in build_all():
            new = [manifest for manifest in manifests if manifest not in seen]
            seen += new
            wrong += [f"{name}: {said}" for manifest in new for said in faults(manifest)]
    except NoKubectl as error:
        wrong = [str(error)]
    except subprocess.CalledProcessError:
        return 1
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
