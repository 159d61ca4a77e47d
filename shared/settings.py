"""Settings that the api and the worker share, read from the environment.

Each field is an environment variable; ``.env.example`` lists them with unit and default.
"""

from functools import cached_property
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.photo_formats import PhotoFormats
from shared.uploads import open_uploads


class SharedSettings(BaseSettings):
    """Settings for Redis, the upload store, photo formats, logs and traces.

    Raises:
        pydantic.ValidationError: A value is outside its bounds; see :func:`explain`.
    """

    model_config = SettingsConfigDict(
        extra="ignore", env_ignore_empty=True, protected_namespaces=(), frozen=True
    )

    redis_url: str = "redis://127.0.0.1:6379/0"
    uploads_url: str = "file:///tmp/image-classifier/uploads"
    photo_formats: str = "jpeg,png"
    job_ttl_s: int = Field(default=86_400, ge=1)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["pretty", "json"] = "pretty"
    # OpenTelemetry reads this variable by itself; here it only switches tracing on
    otel_exporter_otlp_endpoint: str | None = None

    @field_validator("redis_url", "uploads_url")
    @classmethod
    def _url(cls, url: str) -> str:
        try:
            urlsplit(url)
        except ValueError:  # its message would repeat the text, which may have a password
            raise ValueError("is not a valid URL") from None
        return url

    @field_validator("redis_url")
    @classmethod
    def _known_scheme(cls, url: str) -> str:
        if urlsplit(url).scheme not in {"redis", "rediss", "unix"}:
            raise ValueError("REDIS_URL must begin with redis://, rediss:// or unix://")
        _port(url)
        return url

    @field_validator("uploads_url")
    @classmethod
    def _known_store(cls, url: str) -> str:
        open_uploads(url)
        return url

    @field_validator("photo_formats")
    @classmethod
    def _known_formats(cls, text: str) -> str:
        PhotoFormats.parse(text)
        return text

    @cached_property
    def formats(self) -> PhotoFormats:
        """The photo formats that are accepted."""
        return PhotoFormats.parse(self.photo_formats)

    @cached_property
    def broker_url(self) -> str:
        """``redis_url`` in kombu's form, where ``unix:///path?db=0`` is ``redis+socket://``.

        For ``rediss://`` it requires a verified certificate: without that, kombu accepts any
        certificate and would send the password to any server.
        """
        parts = urlsplit(self.redis_url)
        query = parse_qs(parts.query)
        if parts.scheme == "unix":
            return f"redis+socket://{parts.path}?virtual_host={query.get('db', ['0'])[0]}"
        if parts.scheme == "rediss" and "ssl_cert_reqs" not in query:
            more = "&" if parts.query else ""
            return parts._replace(query=f"{parts.query}{more}ssl_cert_reqs=required").geturl()
        return self.redis_url


def _port(url: str) -> int | None:
    try:
        return urlsplit(url).port
    except ValueError:  # its message would repeat the text, which may be a password
        raise ValueError("the port must be a number from 0 to 65535") from None


def explain(error: ValidationError) -> str:
    """One line per invalid setting, with the variable's name and never its value."""
    return "; ".join(
        f"{'_'.join(str(part) for part in fault['loc']).upper()}: {fault['msg']}"
        for fault in error.errors(include_input=False, include_url=False)
    )
