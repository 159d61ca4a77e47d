"""Settings of ``make serve`` with a temporary folder for data."""

from pathlib import Path

from scripts.serve.settings import ServeSettings


class TemporaryServeSettings(ServeSettings):
    """`ServeSettings` whose data are below ``root``."""

    root: Path

    @property
    def folder(self) -> Path:
        """The folder of this port's data."""
        return self.root / str(self.port)
