"""Every way a call can fail, by what the caller can do about it. Depends on the models alone."""

from image_classifier_client.models import Problem


class ClassifierError(Exception):
    """Base of all errors of this package."""


class ServiceUnreachable(ClassifierError):
    """Nothing answers at the URL, or the connection broke, also when tried again."""


class UnexpectedAnswer(ClassifierError):
    """Something answers at the URL, and it is no image classifier."""


class WaitTimeout(ClassifierError, TimeoutError):
    """The job has not ended in the time that was given; it goes on."""


class ProblemError(ClassifierError):
    """The service refused, and says why.

    Args:
        problem: The problem document that it answered.
        retry_after_s: Seconds after which trying again makes sense, where it says so.
    """

    def __init__(self, problem: Problem, retry_after_s: float | None = None) -> None:
        super().__init__(f"{problem.slug}: {problem.detail or problem.title}")
        self.problem = problem
        self.retry_after_s = retry_after_s

    @property
    def slug(self) -> str:
        """What is wrong, as a stable word such as ``unsupported_media_type``."""
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
    """The service cannot take it now, also when tried again: too busy, or a part of it is away."""


class Unauthorized(ProblemError):
    """The API key is missing, unknown, or may not do this."""


class JobNotFound(ProblemError):
    """No such job, or its results have expired."""
