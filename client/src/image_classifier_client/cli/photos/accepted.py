"""The photo formats that the service accepts besides JPEG and PNG."""

from dataclasses import dataclass
from functools import cached_property

from image_classifier_client.client import ImageClassifier

ALWAYS = ("jpeg", "png")


@dataclass
class AcceptedFormats:
    """The service's formats; it is asked once, when a file is of a format that it may accept.

    Args:
        client: Asks the service; ``None``: only JPEG and PNG.
    """

    client: ImageClassifier | None = None

    @cached_property
    def formats(self) -> tuple[str, ...]:
        """The formats as `GET /model` lists them.

        Raises:
            ClassifierError: The service is unreachable, busy for too long, or refuses the request.
        """
        return tuple(self.client.model().formats) if self.client else ALWAYS
