"""`REDIS_APPENDFSYNC=always` makes the API sync each upload: its bytes and its name."""

import os
import stat
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from api import lifespan
from api.settings import ApiSettings


@pytest.mark.parametrize(
    ("setting", "synced"),
    [("always", ["file", "folder"]), ("everysec", []), ("no", [])],
)
async def test_uploads_are_synced_as_records_are(
    setting: str, synced: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def sync(descriptor: int) -> None:
        seen.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")

    monkeypatch.setattr(os, "fsync", sync)
    settings = ApiSettings(
        redis_appendfsync=setting,
        redis_url="redis://127.0.0.1:1",
        uploads_url=tmp_path.as_uri(),
    )
    async with AsyncExitStack() as stack:
        services = lifespan._build(settings, stack)
        await services.jobs.store({"a.0": [b"photo"]})
        await services.jobs.close()
    assert seen == synced
