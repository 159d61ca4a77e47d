"""The OpenAPI description: whole, stable, and with file choosers that work."""

from typing import Any

import pytest

from api.http import openapi_examples, responses, schemas
from api.main import create_app
from api.server import connection_errors, connection_limits
from api.settings import ApiSettings
from shared.errors import every_error
from shared.messages import ModelCard

DOCUMENT: dict[str, Any] = create_app(ApiSettings()).openapi()
OPERATIONS: dict[str, dict[str, Any]] = {
    operation["operationId"]: operation
    for path in DOCUMENT["paths"].values()
    for operation in path.values()
}


def test_operation_ids_are_the_ones_that_clients_rely_on() -> None:
    assert set(OPERATIONS) == {
        "predict", "create_job", "list_jobs", "get_job", "cancel_job", "job_results", "job_events",
        "health", "ready", "live", "model", "metrics", "hugging_face",
        "v2_server", "v2_live", "v2_ready", "v2_model", "v2_model_ready", "v2_infer",
    }  # fmt: skip


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_every_operation_is_described_with_examples(operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert operation["description"]
    for status, answer in operation["responses"].items():
        assert answer["description"], status
        assert ("content" in answer) is (status != "204")
        for content in answer.get("content", {}).values():
            assert content.get("example") or content.get("examples"), status
            assert content["schema"], status


def slugs(operation: str, status: str) -> set[str]:
    content = OPERATIONS[operation]["responses"][status]["content"]
    return set(content[responses.MEDIA_TYPE]["examples"])


def test_every_error_of_predict_is_described() -> None:
    answers = OPERATIONS["predict"]["responses"]
    assert set(answers) == {
        "200", "202", "400", "401", "408", "409", "413", "415", "422", "429", "503"
    }  # fmt: skip
    assert slugs("predict", "422") == {"invalid_image", "invalid_parameter"}
    assert slugs("predict", "503") == {
        "broker_unavailable", "queue_full", "no_workers", "worker_lost", "item_timeout",
        "upload_lost", "inference_failed",
    }  # fmt: skip
    assert "Retry-After" in answers["503"]["headers"]


def test_every_error_that_the_service_has_is_described_somewhere() -> None:
    own = {responses.NotFound, responses.MethodNotAllowed, responses.InternalError}
    own |= {connection_errors.HeadersTooLarge, connection_limits.TooManyConnections}
    known = {error.slug for error in every_error() if error not in own}
    described = {
        slug
        for operation in OPERATIONS.values()
        for answer in operation["responses"].values()
        for content in answer.get("content", {}).values()
        for slug in content.get("examples", {})
    }
    assert described == known


@pytest.mark.parametrize(("operation", "field"), [("predict", "file"), ("create_job", "files")])
def test_both_uploads_offer_a_file_chooser(operation: str, field: str) -> None:
    content = OPERATIONS[operation]["requestBody"]["content"]
    assert next(iter(content)) == "multipart/form-data", "the first form is the one shown"
    schema = content["multipart/form-data"]["schema"]["properties"][field]
    binary = schema.get("items", schema)
    assert binary == {"type": "string", "format": "binary", **binary}
    assert content["multipart/form-data"]["schema"]["additionalProperties"] is False
    assert "contentMediaType" not in str(content)


def test_every_reference_resolves() -> None:
    def references(value: Any) -> set[str]:
        if isinstance(value, dict):
            here = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
            return here.union(*(references(inner) for inner in value.values()))
        if isinstance(value, list):
            return set().union(*(references(inner) for inner in value))
        return set()

    schemas = DOCUMENT["components"]["schemas"]
    assert {ref.rpartition("/")[2] for ref in references(DOCUMENT)} <= set(schemas)
    assert "HTTPValidationError" not in schemas


def test_the_examples_match_the_schemas() -> None:
    schemas.PredictAnswer.model_validate(openapi_examples.PREDICTION)
    for job in (
        openapi_examples.JOB_QUEUED,
        openapi_examples.JOB_COMPLETED,
        openapi_examples.JOB_CANCELLED,
    ):
        assert schemas.Job.model_validate(job).model_dump(mode="json") == job
    assert (
        schemas.Health.model_validate(openapi_examples.HEALTH).model_dump(mode="json")
        == openapi_examples.HEALTH
    )
    ModelCard.model_validate(openapi_examples.MODEL_CARD)
