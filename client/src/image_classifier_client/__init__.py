"""The Image Classifier API from Python: ``ImageClassifier`` and ``AsyncImageClassifier``.

``image_classifier_client.cli`` is the command ``classify``.
"""

from image_classifier_client.async_client import AsyncImageClassifier
from image_classifier_client.client import ImageClassifier
from image_classifier_client.errors import (
    ClassifierError,
    JobNotFound,
    ProblemError,
    ServiceUnavailable,
    ServiceUnreachable,
    Unauthorized,
    UnexpectedAnswer,
    WaitTimeout,
)
from image_classifier_client.models import (
    Calibration,
    Concept,
    Counts,
    Health,
    Job,
    JobItem,
    ModelCard,
    ModelInfo,
    PredictAnswer,
    Prediction,
    Problem,
    TimingMs,
    WorkerHealth,
)
from image_classifier_client.photos import Photo

__all__ = [
    "AsyncImageClassifier",
    "Calibration",
    "ClassifierError",
    "Concept",
    "Counts",
    "Health",
    "ImageClassifier",
    "Job",
    "JobItem",
    "JobNotFound",
    "ModelCard",
    "ModelInfo",
    "Photo",
    "PredictAnswer",
    "Prediction",
    "Problem",
    "ProblemError",
    "ServiceUnavailable",
    "ServiceUnreachable",
    "TimingMs",
    "Unauthorized",
    "UnexpectedAnswer",
    "WaitTimeout",
    "WorkerHealth",
]
