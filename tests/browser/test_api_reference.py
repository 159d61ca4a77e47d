"""/docs in a browser: what its users try first."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Visiting
from tests.support.api_process import ApiProcess
from tests.support.browser import Visit
from tests.support.photos import jpeg


@pytest.fixture
def reference(small_api: ApiProcess, visiting: Visiting) -> Iterator[Visit]:
    visit = visiting(small_api.url, expected=[503])
    visit.page.goto(f"{small_api.url}/docs")
    yield visit
    visit.forgive()
    visit.page.goto(small_api.url)  # Swagger UI's own faults are not ours to find


def opened(visit: Visit, path: str) -> Locator:
    operation = visit.page.locator("#swagger-ui .opblock-post", has_text=path).first
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    return operation


@pytest.mark.usefixtures("worker")
def test_the_example_in_json_is_sent_as_it_is_shown(reference: Visit) -> None:
    operation = opened(reference, "/predict")
    operation.locator(".opblock-section-request-body select").select_option("application/json")
    body = operation.locator(".opblock-section-request-body textarea")
    assert json.loads(body.input_value())["image"].startswith("data:image/png;base64,")
    with reference.page.expect_response("**/predict*") as response:
        operation.get_by_role("button", name="Execute").click()
    assert response.value.status == 200


@pytest.mark.usefixtures("worker")
def test_a_second_photo_is_added_as_a_file(reference: Visit) -> None:
    operation = opened(reference, "/jobs")
    add = operation.locator(".json-schema-form-item-add")
    expect(add).to_have_css("font-size", "0px")
    label = add.evaluate("(button) => getComputedStyle(button, '::after').content")
    assert label == '"Add a photo"'
    add.click()
    for at in range(2):
        file = {"name": f"{at}.jpg", "mimeType": "image/jpeg", "buffer": jpeg()}
        operation.locator("input[type=file]").nth(at).set_input_files(file)  # type: ignore[arg-type]
    with reference.page.expect_response("**/jobs*") as response:
        operation.get_by_role("button", name="Execute").click()
    assert response.value.json()["counts"]["total"] == 2
