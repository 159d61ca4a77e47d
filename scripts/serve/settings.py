"""The settings of ``make serve``: environment variables."""

import os
from collections.abc import Iterable, Iterator
from contextlib import chdir
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from api.settings import ApiSettings
from worker.settings import WorkerSettings

ROOT = Path(__file__).resolve().parent.parent.parent


class ServeSettings(BaseSettings):
    """Where to listen and how many workers to keep.

    Raises:
        pydantic.ValidationError: A value is outside its bounds.
    """

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    bind_address: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65_535)
    workers: int = Field(default=1, ge=1, le=64)
    redis_url: str | None = None
    redis_appendfsync: Literal["always", "everysec", "no"] = "everysec"
    uploads_url: str | None = None
    model: str = "auto"
    log_format: str = "pretty"

    @property
    def folder(self) -> Path:
        """This port's own data, so that two services run side by side."""
        return ROOT / ".run" / str(self.port)

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the service."""
        everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - not bound, only named
        host = self.bind_address if ":" not in self.bind_address else f"[{self.bind_address}]"
        return f"http://{everywhere.get(self.bind_address, host)}:{self.port}"

    def environment(self, redis_url: str) -> dict[str, str]:
        """What the api and the workers find in their environment."""
        return {
            **os.environ,
            "REDIS_URL": redis_url,
            "UPLOADS_URL": self.uploads_url or (self.folder / "uploads").as_uri(),
            "MODEL": self.model,
            "PYTHONUNBUFFERED": "1",
        }


def check_programs() -> None:
    """Refuse settings with which the api or a worker would not start, before anything does.

    Raises:
        pydantic.ValidationError: A value is outside its bounds.
    """
    with chdir(ROOT):  # they run there, and may have relative paths
        ApiSettings()
        WorkerSettings()


# so alike that a typing error is likelier than a variable of another program
LIKENESS = 0.85


def misspelled(variables: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Variables that are not settings but nearly have a setting's name, each with that name."""
    classes = (ServeSettings, ApiSettings, WorkerSettings)
    known = {name.upper() for settings in classes for name in settings.model_fields}
    for variable in sorted(set(variables) - known):
        for near in get_close_matches(variable, known, 1, LIKENESS):
            yield variable, near
