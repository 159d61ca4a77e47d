"""Every way a call can fail, grouped by what the caller can do about it."""

from image_classifier_client.models import Problem


class ClassifierError(Exception):
    """Base class of all errors of this package.

    Attributes:
        job_id: The job that continues on the service, if the call failed while it waited for one:
            pass it to ``wait`` or ``results`` later.
    """

    job_id: str | None = None


class ServiceUnreachable(ClassifierError):
    """No response: nothing answers at the URL, or the connection broke, after all retries.

    Args:
        message: What failed.
        proxy: The proxy that the request went through, if any, without its password.
    """

    def __init__(self, message: str, proxy: str | None = None) -> None:
        super().__init__(message)
        self.proxy = proxy


class UnexpectedAnswer(ClassifierError):
    """The server at the URL is not an image classifier service."""


class WaitTimeout(ClassifierError, TimeoutError):
    """The job is not finished within the given time. It continues: see ``job_id``."""


class ProblemError(ClassifierError):
    """The service rejected the request and says why.

    Args:
        problem: The problem document of the response.
        retry_after_s: Seconds after which to try again, if the response says so.
    """

    def __init__(self, problem: Problem, retry_after_s: float | None = None) -> None:
        super().__init__(f"{problem.slug}: {problem.detail or problem.title}")
        self.problem = problem
        self.retry_after_s = retry_after_s

    @property
    def slug(self) -> str:
        """The kind of error as a stable word, such as ``unsupported_media_type``."""
        return self.problem.slug

    @property
    def detail(self) -> str:
        """What is wrong and what to do, in words."""
        return self.problem.detail

    @property
    def status(self) -> int | None:
        """The HTTP status."""
        return self.problem.status


class ServiceUnavailable(ProblemError):
    """The service is too busy or one of its parts is down, after all retries."""


class Unauthorized(ProblemError):
    """The service requires an API key and got none, or not a valid one."""


class JobNotFound(ProblemError):
    """The job does not exist, or its results have expired."""
