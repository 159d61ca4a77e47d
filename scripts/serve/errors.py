"""Why ``make serve`` ends."""


class ServeError(Exception):
    """The service cannot run; the text is one line that says what to do."""
