"""The error that ends ``make serve``."""


class ServeError(Exception):
    """The service cannot run; the text is one line that says what to do."""
