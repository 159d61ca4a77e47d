"""The sidecars of a run: writes the tags of each photo beside it, and counts."""

from pathlib import Path

from image_classifier_client.cli.exit_codes import CommandError, ExitCode
from image_classifier_client.cli.results.rows import Row, printable
from image_classifier_client.cli.sidecars.files import SidecarFile

# After so many failures only their number is reported.
MAX_FAILURES = 10


class Sidecars:
    """Writes sidecars. A photo's tags are its concept and its most probable class.

    Args:
        min_confidence: Leaves out a concept or class with a lower confidence.
        dry_run: Report what would be written instead.

    Raises:
        CommandError: lxml is not installed.
    """

    def __init__(self, min_confidence: float, *, dry_run: bool) -> None:
        try:
            # lxml is an extra, and takes a run that does not need it 20 ms
            from image_classifier_client.cli.sidecars import xmp  # noqa: PLC0415
        except ImportError as error:
            text = "--xmp needs lxml: pip install './client[xmp]', or pip install lxml"
            raise CommandError(ExitCode.USAGE, text) from error
        self._xmp = xmp
        self._min_confidence = min_confidence
        self._dry_run = dry_run
        self._written = self._unchanged = self.failed = 0

    def write(self, row: Row) -> str | None:
        """Add a photo's tags to its sidecar; return a line to be reported, if there is one."""
        tags = self._tags(row)
        if not tags:
            return None
        path = Path(f"{row.path}.xmp")
        name = printable(f"{row.path}.xmp")
        try:
            Path(row.path).stat()  # a photo that has been moved needs no sidecar here
            file = SidecarFile.read(path)
            data = self._xmp.add_tags(file.data, tags)
            if data is None:
                self._unchanged += 1
                return None
            if not self._dry_run:
                file.replace(data)
        except (OSError, self._xmp.NotXmp) as error:
            self.failed += 1
            reason = error.strerror or error if isinstance(error, OSError) else error
            text = f"{name}: not written: {reason}"
            return text if self.failed <= MAX_FAILURES else None
        self._written += 1
        return f"{name}: would add {' and '.join(map(printable, tags))}" if self._dry_run else None

    def summary(self) -> str:
        """One line with the counts."""
        parts = [f"{self._written:,} {'to write (dry run)' if self._dry_run else 'written'}"]
        if self._unchanged:
            parts.append(f"{self._unchanged:,} up to date")
        if self.failed:
            parts.append(f"{self.failed:,} failed")
        return f"sidecars: {', '.join(parts)}"

    def _tags(self, row: Row) -> list[str]:
        """The names of the concept and the first class, whichever are sure enough."""
        found = [row.concept, *(row.predictions or ())[:1]]
        sure = [one.label for one in found if one and one.confidence >= self._min_confidence]
        return list(filter(None, map(self._xmp.tag_name, sure)))
