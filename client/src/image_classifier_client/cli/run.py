"""One run of the command over photos: find, send, write, and leave nothing unsaid.

Depends on finding, sending, out, printing and screen.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from image_classifier_client.cli.batches import batches
from image_classifier_client.cli.exits import ExitCode, Stop, Terminated, stopping
from image_classifier_client.cli.finding import Found, find, place
from image_classifier_client.cli.options import classifier
from image_classifier_client.cli.out import OutFile
from image_classifier_client.cli.printing import Printer
from image_classifier_client.cli.rows import Row
from image_classifier_client.cli.screen import Screen, complain
from image_classifier_client.cli.sending import Sending, one_by_one
from image_classifier_client.cli.tally import Tally
from image_classifier_client.client import ImageClassifier

# So few photos are asked for one by one, ahead of whatever jobs wait.
FEW = 4
# Somebody who leaves waits no longer than this for an answer.
LEAVING_TIMEOUT_S = 5.0

Sink = OutFile | Printer


@dataclass
class Run:
    """What the options say, and how the photos fare.

    Args:
        url: Of the service.
        top_k: Classes per photo.
        retry_for_s: How long to try again while the service is away.
        out: The file of results; ``None`` for stdout.
        as_json: Objects on stdout.
        quiet: Neither progress nor summary.
    """

    url: str | None
    top_k: int
    retry_for_s: float
    out: Path | None
    as_json: bool
    quiet: bool
    tally: Tally = field(default_factory=Tally)

    def classify(self, names: Sequence[str], *, recursive: bool, retry_failed: bool) -> ExitCode:
        """Classify what the results do not have yet.

        Raises:
            Stop: It ends early; what is done is kept.
        """
        found = find(names, recursive=recursive)
        if not found.paths:
            raise Stop(ExitCode.USAGE, _nothing(names, found, recursive))
        with self.sink(retry_failed=retry_failed) as sink:
            missing = [path for path in found.paths if place(path) not in sink.done]
            with self.screen(len(found.paths)) as screen, self._resumable(found, sink):
                screen.add(len(found.paths) - len(missing))
                if missing:
                    self._send(missing, sink, screen)
            return self.conclude(sink, found.skipped)

    def screen(self, total: int, *, rows_follow: bool = False) -> Screen:
        """With a bar, unless rows on stdout are progress enough, or a pipe wants them plain."""
        bar = self.out is not None or (rows_follow and sys.stdout.isatty())
        return Screen(total, bar=bar and not self.quiet)

    @contextmanager
    def sink(self, *, retry_failed: bool = False) -> Iterator[Sink]:
        """Where rows go."""
        if self.out is None:
            yield Printer(as_objects=self.as_json)
        else:
            with OutFile(self.out, self.top_k, retry_failed=retry_failed) as file:
                yield file

    def keep(self, rows: Sequence[Row], sink: Sink, screen: Screen) -> None:
        """Write rows, and say what failed."""
        sink.append(rows)
        screen.add(len(rows))
        for complaint in self.tally.count(rows):
            if self.out is None and not self.as_json:
                screen.note(complaint)

    def conclude(self, sink: Sink, skipped: int = 0) -> ExitCode:
        """The summary, and the exit code; with a file both speak of all that is in it."""
        if self.out is not None and not self.quiet:
            for line in self.tally.summary(sink.succeeded, sink.failed, self.out, skipped):
                complain(line)
        failed = sink.failed or self.tally.cancelled
        return ExitCode.SOME_FAILED if failed else ExitCode.CLASSIFIED

    def _send(self, paths: Sequence[str], sink: Sink, screen: Screen) -> None:
        with classifier(self.url, retry_for_s=self.retry_for_s, on_retry=screen.retrying) as client:
            client.health()  # asked once: where nothing answers there is nothing to wait for
            if len(paths) <= FEW:
                for row in one_by_one(client, paths, self.top_k):
                    self.keep([row], sink, screen)
            else:
                self._send_jobs(client, paths, sink, screen)

    def _send_jobs(
        self, client: ImageClassifier, paths: Iterable[str], sink: Sink, screen: Screen
    ) -> None:
        sending = Sending(client, self.top_k, screen.ended)
        try:
            for rows in sending.rows(batches(paths)):
                self.keep(rows, sink, screen)
        except (KeyboardInterrupt, Terminated, OSError) as error:
            with classifier(self.url, retry_for_s=0, timeout_s=LEAVING_TIMEOUT_S) as leaving:
                rows = sending.abandon(leaving)
            if not isinstance(error, OSError):
                self.keep([row for row in rows if row.status != "cancelled"], sink, screen)
            raise

    @contextmanager
    def _resumable(self, found: Found, sink: Sink) -> Iterator[None]:
        """An early end says how to go on."""
        try:
            with stopping():
                yield
        except Stop as stop:
            if self.out is None:
                raise
            have = sum(place(path) in sink.done for path in found.paths)
            text = (
                f"{stop}; {have:,} of {len(found.paths):,} photos are in {self.out}: "
                "run the same command again for the rest"
            )
            raise Stop(stop.code, text) from stop


def _nothing(names: Sequence[str], found: Found, recursive: bool) -> str:
    text = f"no photos in {', '.join(names)}"
    if found.skipped:
        text += f" ({found.skipped:,} other files)"
    return text if recursive else text + "; --recursive looks into folders within"
