"""What ``make serve`` may be told, all by environment variables."""

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

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
    uploads_url: str | None = None
    model: str = "auto"

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
