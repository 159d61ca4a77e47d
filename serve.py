"""``make serve``: the whole service on one screen, until Ctrl-C.

Runs in the environment that ``scripts.install`` has filled. Its parts are in ``scripts/serve``.
"""

import asyncio
import os
import signal
import sys

from pydantic import ValidationError

from scripts.serve import port_lock
from scripts.serve.console import Screen
from scripts.serve.errors import ServeError
from scripts.serve.service import Service
from scripts.serve.settings import ServeSettings, check_programs, misspelled
from shared.settings import explain


async def serve(settings: ServeSettings) -> None:
    """Run everything until SIGINT, SIGTERM or SIGHUP; a second one ends everything at once.

    Raises:
        ServeError: A part could not be started.
    """
    stop = asyncio.Event()
    screen = Screen(sys.stdout, as_json=settings.log_format == "json")
    for variable, near in misspelled(os.environ):
        screen.show("serve", f"{variable} is not a setting: did you mean {near}?")
    service = Service(settings, screen)

    def on_signal(received: signal.Signals) -> None:
        screen.show("serve", f"{received.name}: {'killing' if stop.is_set() else 'ending'} all")
        if stop.is_set():
            service.kill()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, on_signal, number)
    await service.run(stop)


def main() -> int:
    """Run the service; print one line if it cannot start."""
    try:
        settings = ServeSettings()
        check_programs()
        port_lock.check_port(settings)
        with port_lock.claim_folder(settings):
            asyncio.run(serve(settings))
    except ValidationError as error:
        print(f"serve: {explain(error)}", file=sys.stderr)
        return 1
    except (ServeError, OSError) as error:
        print(f"serve: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
