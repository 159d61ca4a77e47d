"""Settings of ``make serve`` whose data lie in a temporary folder."""

from pathlib import Path

from scripts.serve.settings import ServeSettings


class TemporaryServeSettings(ServeSettings):
    """As `ServeSettings`, with each port's data below ``root``."""

    root: Path

    @property
    def folder(self) -> Path:
        """This port's data."""
        return self.root / str(self.port)
