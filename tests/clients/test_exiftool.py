"""Sidecars as ``exiftool`` reads and writes them."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from image_classifier_client.cli.results.rows import Row
from image_classifier_client.cli.sidecars.sidecars import Sidecars
from image_classifier_client.models import Concept, Prediction
from tests.support.command import Command
from tests.support.live_service import LiveService, coloured

CONCEPT = Concept(label="domestic cat", wnid="n02121808", confidence=0.97)
TABBY = Prediction(label="tabby", class_index=281, confidence=0.4)
TAGS = {
    "XMP-dc:Subject": ["domestic cat", "tabby"],
    "XMP-lr:HierarchicalSubject": ["domestic cat|tabby"],
    "XMP-digiKam:TagsList": ["domestic cat/tabby"],
}
# Of everything that people have in a sidecar: texts, lists, languages, structures, places, dates.
FOREIGN = [
    "-XMP-dc:Title=Käse & <Brot>", "-XMP-dc:Title-de=Käse", "-XMP-dc:Creator=Oma",
    "-XMP-dc:Creator=Opa", "-XMP-xmp:Rating=4", "-XMP-xmp:Label=Red",
    "-XMP-exif:GPSLatitude=48.1", "-XMP-exif:GPSLongitude=11.5", "-XMP-photoshop:City=München",
    "-XMP-photoshop:DateCreated=2026:01:02 03:04:05.06+01:00", "-XMP-crs:Exposure2012=0.35",
    "-XMP-mwg-rs:RegionInfo={RegionList=[{Name=Oma,Type=Face,Area={X=0.5,Y=0.5,W=0.1,H=0.1}}]}",
    "-XMP-xmpMM:History=[{Action=saved,Parameters=a|, b}]",
]  # fmt: skip


def exiftool(*arguments: str | Path) -> str:
    done = subprocess.run(["exiftool", *arguments], check=True, capture_output=True, timeout=60)
    return done.stdout.decode()


def read(path: Path) -> dict[str, Any]:
    """All metadata of a file but the file's own properties."""
    [found] = json.loads(exiftool("-j", "-G1", "-a", "-struct", "-XMP:all", path))
    return {name: value for name, value in found.items() if name != "SourceFile"}


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "IMG_1.jpg"
    path.write_bytes(coloured(7, kind="JPEG"))
    return path


def add_tags(photo: Path) -> str:
    sidecars = Sidecars(0, dry_run=False)
    assert sidecars.write(Row(str(photo), [TABBY], concept=CONCEPT)) is None
    return sidecars.summary()


def test_a_new_sidecar(photo: Path) -> None:
    assert add_tags(photo) == "sidecars: 1 written"
    assert read(Path(f"{photo}.xmp")) == TAGS
    assert exiftool("-s3", "-validate", f"{photo}.xmp") == "OK\n"


def test_a_sidecar_of_exiftool_keeps_all_that_it_had(photo: Path) -> None:
    sidecar = Path(f"{photo}.xmp")
    exiftool(*FOREIGN, "-XMP-dc:Subject=Oma", sidecar)
    before = read(sidecar)
    assert len(before) >= len(FOREIGN)
    assert add_tags(photo) == "sidecars: 1 written"
    assert read(sidecar) == before | TAGS | {"XMP-dc:Subject": ["Oma", "domestic cat", "tabby"]}
    assert add_tags(photo) == "sidecars: 0 written, 1 up to date"


def test_exiftool_writes_on_and_the_tags_stay(photo: Path) -> None:
    sidecar = Path(f"{photo}.xmp")
    add_tags(photo)
    exiftool("-overwrite_original", *FOREIGN, sidecar)
    found = read(sidecar)
    assert {name: found[name] for name in TAGS} == TAGS
    assert add_tags(photo) == "sidecars: 0 written, 1 up to date"


def test_the_whole_command(service: LiveService, photo: Path) -> None:
    before = photo.read_bytes()
    code, _, said = Command("IMG_1.jpg", "--xmp", url=service.url, cwd=photo.parent).end()
    assert code == 0, said
    found = read(Path(f"{photo}.xmp"))
    assert set(found) == set(TAGS)
    assert found["XMP-dc:Subject"][0].startswith("class ")
    assert photo.read_bytes() == before
