"""The clients: how each is called, what it can send, and how it reports names."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

HERE = Path(__file__).parent
TIMEOUT_S = 120


@dataclass(frozen=True)
class Client:
    """A command that is given ``URL FIELD FILE…``, or curl's and wget's options.

    Attributes:
        command: The program and its first arguments.
        form: Sends ``multipart/form-data``; otherwise one file as the raw body.
        quotes_names: Sends names percent-encoded, which RFC 7578 allows and no browser does.
    """

    command: Sequence[str]
    form: bool = True
    quotes_names: bool = False

    def send(self, url: str, field: str, paths: Sequence[Path], env: Mapping[str, str]) -> "Answer":
        """Run it and read what it prints."""
        done = subprocess.run(
            [*self.command, *self._arguments(url, field, [str(path) for path in paths])],
            check=False,
            env={**os.environ, **env},
            capture_output=True,
            timeout=TIMEOUT_S,
        )
        if self.command[0] == "wget":
            statuses = re.findall(rb"HTTP/1\.1 (\d{3})", done.stderr)
            return Answer(int(statuses[-1]) if statuses else 0, done.stdout, done.stderr)
        body, _, status = done.stdout.strip().rpartition(b"\n")
        return Answer(int(status or 0), body, done.stderr)

    def _arguments(self, url: str, field: str, paths: Sequence[str]) -> list[str]:
        program = self.command[0]
        if program == "wget":
            return [f"--post-file={paths[0]}", url]
        if program != "curl":
            return [url, field if self.form else "", *paths]
        if self.form:
            return [*(part for path in paths for part in ("-F", f"{field}=@{path}")), url]
        if "-T" in self.command:
            return [paths[0], url]
        return ["--data-binary", f"@{paths[0]}", url]

    def reports(self, name: str) -> str:
        """The name that the service is sent for a file of this name."""
        return quote(name) if self.quotes_names else name


@dataclass(frozen=True)
class Answer:
    """What a client has printed: the status (0: none), the body and its own messages."""

    status: int
    body: bytes
    messages: bytes


def _curl(*options: str, form: bool = True) -> Client:
    return Client(["curl", "-sS", "-w", "\n%{http_code}", *options], form)


def _script(program: str, script: str, *options: str, **properties: bool) -> Client:
    return Client([program, str(HERE / script), *options], **properties)


CHUNKED = ("-H", "Transfer-Encoding: chunked")
CLIENTS = {
    "curl -F": _curl(),
    "curl -F, chunked": _curl(*CHUNKED),
    "curl -F, Expect: 100-continue": _curl("-H", "Expect: 100-continue"),
    "curl -F, HTTP/1.0": _curl("--http1.0"),
    "curl -F, HTTP/2 offered": _curl("--http2"),
    "curl --data-binary": _curl(form=False),
    "curl --data-binary, chunked": _curl(*CHUNKED, form=False),
    "curl --data-binary, Expect: 100-continue": _curl("-H", "Expect: 100-continue", form=False),
    "curl --data-binary, HTTP/1.0": _curl("--http1.0", form=False),
    "curl -T": _curl("-X", "POST", "-T", form=False),
    "wget --post-file": Client(["wget", "-S", "-O", "-", "--content-on-error", "-t", "1"], False),
    "requests": _script(sys.executable, "send_requests.py"),
    "httpx2": _script(sys.executable, "send_httpx2.py"),
    "aiohttp": _script(sys.executable, "send_aiohttp.py", quotes_names=True),
    "aiohttp, names as they are": _script(sys.executable, "send_aiohttp.py", "--plain-names"),
    "Node's fetch": _script("node", "send_fetch.mjs"),
    "undici": _script("node", "send_undici.mjs"),
    "undici, stream": _script("node", "send_undici.mjs", form=False),
    "Go": Client(["go", "run", str(HERE / "send.go")]),
    "PHP": _script("php", "send.php"),
    "Ruby": _script("ruby", "send.rb"),
}
