"""One run over photos: find them, send them and write their results."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from image_classifier_client.api_requests import PREDICT_WAIT_S
from image_classifier_client.cli.exit_codes import (
    CommandError,
    ExitCode,
    Terminated,
    as_command_error,
)
from image_classifier_client.cli.job_sender import JobSender, one_by_one
from image_classifier_client.cli.options import new_client
from image_classifier_client.cli.photos.accepted import AcceptedFormats
from image_classifier_client.cli.photos.batches import batches
from image_classifier_client.cli.photos.discovery import Discovery, absolute, discover
from image_classifier_client.cli.results.printer import Printer
from image_classifier_client.cli.results.progress import ProgressDisplay, print_message
from image_classifier_client.cli.results.results_file import ResultsFile
from image_classifier_client.cli.results.rows import Row
from image_classifier_client.cli.results.summary import Summary
from image_classifier_client.cli.sidecars.sidecars import Sidecars
from image_classifier_client.client import ImageClassifier

# Up to this many photos are sent one by one: they need not wait behind jobs.
FEW = 4
# After Ctrl-C no request may take longer.
EXIT_TIMEOUT_S = 5.0

Output = ResultsFile | Printer


@dataclass
class ClassificationRun:
    """The options of a run, and what became of its photos.

    Args:
        url: URL of the service.
        top_k: Classes per photo.
        min_confidence: Leaves out classes with a lower confidence.
        retry_for_s: Seconds to retry while the service is unreachable or busy.
        out: The file of results; ``None`` for stdout.
        bom: Begin a new CSV file with a byte order mark.
        as_json: Print JSON.
        quiet: Show no progress and no summary.
        sidecars: Writes the sidecars of the photos; ``None`` for no sidecars.
    """

    url: str | None
    top_k: int
    min_confidence: float
    retry_for_s: float
    out: Path | None
    bom: bool
    as_json: bool
    quiet: bool
    sidecars: Sidecars | None = None
    summary: Summary = field(default_factory=Summary)

    def classify(self, names: Sequence[str], *, recursive: bool, retry_failed: bool) -> ExitCode:
        """Classify the photos that the output does not contain yet.

        Raises:
            CommandError: The run ends early; what is done is kept.
        """
        found = discover(names, recursive=recursive)
        if not found.paths:
            raise CommandError(ExitCode.USAGE, _no_photos(names, found, recursive))
        with self.output(retry_failed=retry_failed) as output:
            missing = [path for path in found.paths if absolute(path) not in output.done]
            with self.progress(len(found.paths)) as progress:
                progress.add(len(found.paths) - len(missing))
                self._write_earlier_sidecars(found, output, progress)
                with self._resumable(found, output):
                    if missing:
                        self._send(missing, output, progress)
            return self.finish(output, found.skipped)

    def progress(self, total: int, *, results_follow: bool = False) -> ProgressDisplay:
        """Create the display; without a bar if results on stdout show the progress."""
        bar = self.out is not None or (results_follow and sys.stdout.isatty())
        return ProgressDisplay(total, bar=bar and not self.quiet)

    @contextmanager
    def output(self, *, retry_failed: bool = False) -> Iterator[Output]:
        """Open the output."""
        if self.out is None:
            yield Printer(as_json=self.as_json)
        else:
            file = ResultsFile(self.out, self.top_k, bom=self.bom, retry_failed=retry_failed)
            with file:
                yield file

    def save(self, rows: Sequence[Row], output: Output, progress: ProgressDisplay) -> None:
        """Write rows, and report those that failed."""
        output.append(rows)
        progress.add(len(rows))
        for failure in self.summary.count(rows):
            if self.out is None and not self.as_json:
                progress.note(failure)
        self._write_sidecars(rows, progress)

    def finish(self, output: Output, skipped: int = 0) -> ExitCode:
        """Print the summary and choose the exit code; both cover everything in the file."""
        if self.out is not None and not self.quiet:
            for line in self.summary.lines(output.succeeded, output.failed, self.out, skipped):
                print_message(line)
        if self.sidecars and not self.quiet:
            print_message(self.sidecars.summary())
        if self.sidecars and self.sidecars.failed:
            return ExitCode.NOT_WRITTEN
        failed = output.failed or self.summary.cancelled
        return ExitCode.SOME_FAILED if failed else ExitCode.CLASSIFIED

    def _write_sidecars(self, rows: Iterable[Row], progress: ProgressDisplay) -> None:
        for row in rows if self.sidecars else ():
            if self.sidecars and (line := self.sidecars.write(row)):
                progress.note(line)

    def _write_earlier_sidecars(
        self, found: Discovery, output: Output, progress: ProgressDisplay
    ) -> None:
        """Write the sidecars of the photos that the output contains already."""
        if self.sidecars:
            wanted = set(map(absolute, found.paths))
            rows = (row for row in output.classified() if absolute(row.path) in wanted)
            self._write_sidecars(rows, progress)

    def _send(self, paths: Sequence[str], output: Output, progress: ProgressDisplay) -> None:
        retry_for_s = self.retry_for_s
        with new_client(self.url, retry_for_s=retry_for_s, on_retry=progress.retrying) as client:
            client.health()  # no retries: if nothing answers at first, say so at once
            if len(paths) <= FEW:
                timeout_s = PREDICT_WAIT_S + retry_for_s
                options = self.top_k, self.min_confidence, timeout_s
                for row in one_by_one(client, paths, *options):
                    self.save([row], output, progress)
            else:
                self._send_jobs(client, paths, output, progress)

    def _send_jobs(
        self,
        client: ImageClassifier,
        paths: Iterable[str],
        output: Output,
        progress: ProgressDisplay,
    ) -> None:
        sender = JobSender(
            client, self.top_k, progress.show_finished, min_confidence=self.min_confidence
        )
        try:
            for rows in sender.rows(batches(paths, accepted=AcceptedFormats(client))):
                self.save(rows, output, progress)
        except (KeyboardInterrupt, Terminated, OSError) as error:
            with new_client(self.url, retry_for_s=0, timeout_s=EXIT_TIMEOUT_S) as quick:
                rows = sender.cancel(quick)
            if not isinstance(error, OSError):
                self.save([row for row in rows if row.status != "cancelled"], output, progress)
            raise

    @contextmanager
    def _resumable(self, found: Discovery, output: Output) -> Iterator[None]:
        """Add to an early end how to continue."""
        try:
            with as_command_error():
                yield
        except CommandError as error:
            if self.out is None:
                raise
            done = sum(absolute(path) in output.done for path in found.paths)
            text = (
                f"{error}; {done:,} of {len(found.paths):,} photos are in {self.out}: "
                "run the same command again for the rest"
            )
            raise CommandError(error.code, text) from error


def _no_photos(names: Sequence[str], found: Discovery, recursive: bool) -> str:
    text = f"no photos in {', '.join(names)}"
    if found.skipped:
        text += f" ({found.skipped:,} other files)"
    return text if recursive else text + "; --recursive includes subfolders"
