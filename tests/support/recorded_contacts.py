"""Records the DNS look-ups, connections and child processes of Python processes."""

import os
from pathlib import Path

# Every Python process with this folder on its path imports it, child processes too.
_SITECUSTOMIZE = """
import os
import sys

_EVENTS = {
    "socket.getaddrinfo", "socket.gethostbyname", "socket.connect", "socket.sendto",
    "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.system", "subprocess.Popen",
}
_FILE = os.open(os.environ["RECORDED_CONTACTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def _record(event, arguments):
    # from Python 3.13 on, subprocess may use posix_spawn: one process, two events
    if event == "os.posix_spawn" and sys._getframe(1).f_globals.get("__name__") == "subprocess":
        return
    if event in _EVENTS:
        if event.startswith("socket."):
            arguments = arguments[1:] if event in {"socket.connect", "socket.sendto"} else arguments
        os.write(_FILE, f"{event} {arguments!r}\\n".encode())


sys.addaudithook(_record)
"""
# Local programs that the standard library asks about the machine: `ctypes.util.find_library` and
# `platform.processor`.
_LOCAL_PROGRAMS = ("subprocess.Popen ('/sbin/ldconfig',", "subprocess.Popen ('uname',")


class RecordedContacts:
    """An environment in which every Python process records its contacts.

    Args:
        folder: Folder for the hook, the record and an empty home directory.
    """

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self._file = folder / "contacts"
        hook = folder / "hook"
        for new in (self.home, hook):
            new.mkdir(parents=True)
        (hook / "sitecustomize.py").write_text(_SITECUSTOMIZE)
        path = [str(hook), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.environment = {
            "HOME": str(self.home),
            "PYTHONPATH": os.pathsep.join(path),
            "RECORDED_CONTACTS": str(self._file),
        }

    @property
    def events(self) -> list[str]:
        """One line per contact: Python's audit event and its arguments.

        Raises:
            FileNotFoundError: No process has loaded the hook.
        """
        lines = self._file.read_text().splitlines()
        return [line for line in lines if not line.startswith(_LOCAL_PROGRAMS)]
