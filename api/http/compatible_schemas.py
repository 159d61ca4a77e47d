"""Schemas of the responses to clients of other services."""

from typing import Literal

from pydantic import Field

from shared.messages import Problem, Wire, absent


class LabelScore(Wire):
    """One class and its probability, as Hugging Face's clients read it."""

    label: str
    score: float = Field(ge=0, le=1)


class CompatibleProblem(Problem):
    """An error for clients of other services: a problem document with its text as `error`."""

    error: str


class InferenceServer(Wire):
    """The server, as the Open Inference Protocol describes it."""

    name: str
    version: str
    extensions: list[str]


class Live(Wire):
    """This process responds."""

    live: Literal[True] = True


class Ready(Wire):
    """Whether photos can be classified now."""

    ready: bool


class ModelReady(Ready):
    """Whether photos can be classified with this model now."""

    name: str


class TensorMetadata(Wire):
    """A tensor; -1 is a dimension of any size."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(Wire):
    """The tensors of the model."""

    name: str
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class Tensor(TensorMetadata):
    """An output in row-major order; without `data` its binary form follows the JSON."""

    data: list[str | float] | None = Field(default=None, exclude_if=absent)
    parameters: dict[str, int] | None = Field(default=None, exclude_if=absent)


class InferenceAnswer(Wire):
    """The outputs of an inference request."""

    model_name: str
    id: str | None = Field(default=None, exclude_if=absent)
    outputs: list[Tensor]
