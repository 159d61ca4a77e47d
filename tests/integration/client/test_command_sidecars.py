"""``classify --xmp`` with a real api and worker."""

import os
from functools import partial
from pathlib import Path

import pytest
from lxml import etree

from image_classifier_client.cli.sidecars.xmp import NAMESPACES
from tests.support.command import Command
from tests.support.live_service import LiveService, coloured
from tests.support.scripted_colors import FAILS


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "my photos"
    (folder / "deep").mkdir(parents=True)
    for at, name in enumerate(["a.png", "café ☕.PNG", "caf\udce9.png", "deep/a.png", "e.png"]):
        (folder / name).write_bytes(coloured(at))
    (folder / "fails.png").write_bytes(coloured(9, red=FAILS))
    return folder


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def subject(sidecar: Path) -> list[str]:
    tree = etree.parse(sidecar)
    return [str(item.text) for item in tree.iterfind(".//dc:subject/*/rdf:li", NAMESPACES)]


@pytest.mark.parametrize("names", [["."], ["a.png", "fails.png"]], ids=["as jobs", "one by one"])
def test_sidecars_beside_photos(service: LiveService, photos: Path, names: list[str]) -> None:
    before = contents(photos)
    arguments = [*names, "-r", "--xmp"]
    code, _, said = Command(*arguments, "--dry-run", url=service.url, cwd=photos).end()
    assert code == 1
    assert "a.png.xmp: would add class 0" in said
    assert contents(photos) == before
    code, printed, said = Command(*arguments, url=service.url, cwd=photos).end()
    assert code == 1
    assert "a.png\t\t\tclass 0\t0.9" in printed
    first = contents(photos)
    new = {"a.png.xmp"}
    if names == ["."]:
        new |= {"café ☕.PNG.xmp", "caf\udce9.png.xmp", "deep/a.png.xmp", "e.png.xmp"}
    assert first.keys() - before.keys() == new
    assert f"sidecars: {len(new)} written" in said
    assert {name: first[name] for name in before} == before
    assert subject(photos / "a.png.xmp") == ["class 0"]
    code, _, said = Command(*arguments, url=service.url, cwd=photos).end()
    assert contents(photos) == first
    assert f"sidecars: 0 written, {len(new)} up to date" in said


@pytest.mark.parametrize("suffix", ["csv", "ndjson", "json"])
def test_photos_that_were_classified_earlier_get_sidecars_too(
    service: LiveService, photos: Path, suffix: str
) -> None:
    start = [".", "-r", "--out", f"../results.{suffix}"]
    assert Command(*start, url=service.url, cwd=photos).end()[0] == 1
    results = (photos.parent / f"results.{suffix}").read_bytes()
    (photos / "f.png").write_bytes(coloured(5))
    # what is in the file is not sent again: a service that cannot be reached does for it
    code, _, said = Command(
        "a.png", "./e.png", *start[2:], "--xmp", url="http://127.0.0.1:9", cwd=photos
    ).end()
    assert code == 1, said
    assert {path.name for path in photos.rglob("*.xmp")} == {"a.png.xmp", "e.png.xmp"}
    assert (photos.parent / f"results.{suffix}").read_bytes() == results
    code, _, said = Command(*start, "--xmp", url=service.url, cwd=photos).end()
    assert code == 1
    assert "sidecars: 4 written, 2 up to date" in said
    assert subject(photos / "deep" / "a.png.xmp") == ["class 3"]
    assert subject(photos / "f.png.xmp") == ["class 5"]


def test_a_sidecar_that_is_no_xmp_is_reported_and_the_others_are_written(
    service: LiveService, photos: Path
) -> None:
    (photos / "a.png.xmp").write_text("my notes")
    arguments = [".", "--xmp", "--quiet"]
    code, _, said = Command(*arguments, url=service.url, cwd=photos).end()
    assert code == 5
    assert "classify: ./a.png.xmp: not written: it is not valid XML (line 1)\n" in said
    assert "sidecars:" not in said
    assert (photos / "a.png.xmp").read_text() == "my notes"
    assert subject(photos / "e.png.xmp") == ["class 4"]


def test_a_full_disk_loses_no_sidecar(service: LiveService, photos: Path) -> None:
    """A limit on the size of files stands for it: one sidecar grows beyond it."""
    note = "x" * 4000
    old = f'<rdf:RDF xmlns:rdf="{NAMESPACES["rdf"]}"><!--{note}--></rdf:RDF>'
    (photos / "a.png.xmp").write_text(old)
    code, printed, said = Command(".", "--xmp", url=service.url, cwd=photos, file_blocks=7).end()
    assert code == 5
    assert "a.png.xmp: not written: File too large" in said
    assert (photos / "a.png.xmp").read_text() == old
    assert subject(photos / "e.png.xmp") == ["class 4"]
    assert printed.count("\n") == 4
    assert not list(photos.glob(".classify-*"))


def test_no_sidecar_without_a_tag_that_is_sure_enough(service: LiveService, photos: Path) -> None:
    arguments = ["a.png", "--xmp", "--min-confidence", "0.95"]
    code, _, said = Command(*arguments, url=service.url, cwd=photos).end()
    assert (code, said) == (0, "classify: sidecars: 0 written\n")
    assert not list(photos.glob("*.xmp"))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["a.png", "--dry-run"], "--dry-run needs --xmp"),
        (["--watch", "0" * 32, "--xmp"], "--xmp needs the photos"),
    ],
)
def test_options_that_do_not_go_together(
    service: LiveService, photos: Path, arguments: list[str], reason: str
) -> None:
    code, _, said = Command(*arguments, url=service.url, cwd=photos).end()
    assert code == 2
    assert reason in said


def test_a_client_without_the_extra_names_it(
    service: LiveService, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "lxml.py").write_text("raise ModuleNotFoundError(__name__)")
    paths = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    env = {"PYTHONPATH": paths}
    run = partial(Command, "a.png", url=service.url, cwd=photos, env=env, own_python=True)
    code, printed, said = run("--xmp").end()
    assert (code, printed) == (2, "")
    assert "pip install './client[xmp]'" in said
    assert run().end()[0] == 0
