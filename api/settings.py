"""The settings of the API, which extend the shared settings."""

import re
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator

from api.auth.keyring import ApiKey, Keyring, parse
from shared.settings import SharedSettings

# Maximum bytes of photos that one process holds at a time. With the 70 MB of the process itself
# this stays well below the 512 MB that Compose allows, even while JSON bodies, and photos
# on their way to a bucket, are held twice.
BUDGET_BYTES = 128 * 1024 * 1024

_ORIGIN = re.compile(r"\*|https?://[A-Za-z0-9.\-\[\]:]+")


class ApiSettings(SharedSettings):
    """Limits of requests, API keys and switches; every field is an environment variable."""

    predict_wait_s: float = Field(default=20.0, ge=0, le=120)
    predict_queue_s: float = Field(default=10.0, gt=0, le=120)
    max_upload_bytes: int = Field(default=20 * 1024 * 1024, ge=1)
    max_job_items: int = Field(default=10_000, ge=1)
    max_job_bytes: int = Field(default=4 * 1024**3, ge=1)
    max_queued_items: int = Field(default=20_000, ge=1)
    max_queued_items_per_owner: int | None = Field(default=None, ge=1)
    # Redis's own setting: with `always`, uploads are as durable as their job's record
    redis_appendfsync: Literal["always", "everysec", "no"] = "everysec"
    max_connections: int = Field(default=2_000, ge=1, le=100_000)
    client_timeout_s: int = Field(default=20, ge=1, le=3_600)
    api_keys: SecretStr | None = None
    api_keys_file: Path | None = None
    docs_enabled: bool | None = None
    metrics_enabled: bool | None = None
    cors_origins: str | None = None

    @field_validator("max_upload_bytes")
    @classmethod
    def _fits_in_memory(cls, size: int) -> int:
        # base64 in JSON is a third longer
        if size * 4 > BUDGET_BYTES * 3:
            raise ValueError(
                f"at most {BUDGET_BYTES * 3 // 4}: an API process holds at most {BUDGET_BYTES} "
                "bytes of photos at a time, and as base64 in JSON a photo is a third longer"
            )
        return size

    @field_validator("api_keys")
    @classmethod
    def _are_entries(cls, text: SecretStr | None) -> SecretStr | None:
        if text is not None and not parse(text.get_secret_value()):
            raise ValueError("it contains no entry NAME:SHA256; to run without keys, unset it")
        return text

    @field_validator("api_keys_file")
    @classmethod
    def _holds_entries(cls, file: Path | None) -> Path | None:
        if file is not None and not _read(file):
            raise ValueError(
                "the file contains no entry NAME:SHA256; to run without keys, unset API_KEYS_FILE"
            )
        return file

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, text: str | None) -> str | None:
        if not all(_ORIGIN.fullmatch(origin) for origin in _split(text)):
            raise ValueError("each must be * or an origin like https://example.org, without a path")
        return text

    @cached_property
    def keyring(self) -> Keyring:
        """The API keys; empty if the service is open to all clients."""
        text = self.api_keys.get_secret_value() if self.api_keys else ""
        return Keyring([*parse(text), *(_read(self.api_keys_file) if self.api_keys_file else ())])

    @property
    def max_owned(self) -> int | None:
        """How many items of an owner may wait in a queue; ``None`` without API keys."""
        if not self.keyring:
            return None
        half = max(1, self.max_queued_items // 2)
        return min(self.max_queued_items_per_owner or half, self.max_queued_items)

    @property
    def max_photos(self) -> int:
        """How many photos a job may have: no more than may wait."""
        most = min(self.max_job_items, self.max_queued_items)
        return most if self.max_owned is None else min(most, self.max_owned)

    @property
    def origins(self) -> list[str]:
        """The origins of other sites whose pages may call the API."""
        return _split(self.cors_origins)


def _split(text: str | None) -> list[str]:
    return (text or "").replace(",", " ").split()


def _read(file: Path) -> list[ApiKey]:
    try:
        return parse(file.read_text())
    except OSError as error:
        raise ValueError(f"the file cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError("the file is not text") from None
