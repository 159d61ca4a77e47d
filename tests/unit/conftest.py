"""Log lines with plain tracebacks: the default's, by rich, take a second of CPU time each."""

import structlog

_processors = structlog.get_config()["processors"]
_plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
structlog.configure(processors=[*_processors[:-1], _plain])
