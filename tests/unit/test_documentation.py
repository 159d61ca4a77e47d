"""What the documentation names is what exists, and nothing that exists is missing from it.

The metrics of docs/monitoring.md are compared with a real scrape, in
``tests/integration/api/routes/test_metrics.py``.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pydantic_settings import BaseSettings

import api.main
from api.settings import ApiSettings
from scripts.serve.settings import ServeSettings
from shared.errors import ServiceError
from shared.settings import SharedSettings
from worker.models.weights import DEFAULT_WEIGHTS
from worker.settings import WorkerSettings

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / folder / "README.md" for folder in ("client", "tests")),
]
READERS: dict[str, type[BaseSettings]] = {
    "api": ApiSettings,
    "worker": WorkerSettings,
    "serve": ServeSettings,
}
FIELDS = [(s, name) for s in [SharedSettings, *READERS.values()] for name in s.model_fields]

# Defaults that the code chooses when there is no value.
CHOSEN = {"MODEL_WEIGHTS": DEFAULT_WEIGHTS}
# Settings whose default differs under `make serve`, which the comment has to mention.
OF_SERVE = {"MODEL", "REDIS_URL", "UPLOADS_URL"}
# Settings whose default differs in compose.
OF_COMPOSE = {"LOG_FORMAT", "MODEL_DIR", "API_KEYS_FILE"}
# Settings that compose does not pass on: it has one Redis and one volume each.
FIXED = {"REDIS_URL", "UPLOADS_URL", "MODEL_CACHE"}


def read(path: str) -> str:
    return (ROOT / path).read_text()


def rows(page: str, heading: str = "") -> list[list[str]]:
    """Cells of every table row that begins with code, below a heading."""
    section = read(page).partition(f"\n## {heading}")[2].partition("\n## ")[0] if heading else ""
    lines = (section or read(page)).splitlines()
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if line.startswith("| `")
    ]


def code(cells: list[list[str]], pattern: str) -> set[str]:
    """What is set as code in the first cells and fits the pattern."""
    return {name for row in cells for name in re.findall(f"`{pattern}`", row[0])}


def compose() -> dict[str, str]:
    """Name to default of every ${NAME:-default} and ${NAME-default}."""
    return dict(re.findall(r"\$\{([A-Z_]+):?-([^}]*)\}", read("docker-compose.yml")))


def env_example() -> dict[str, str]:
    """Setting to its default."""
    return dict(re.findall(r"^#([A-Z][A-Z0-9_]*)=(.*)$", read(".env.example"), re.MULTILINE))


def sections() -> list[tuple[set[str], str]]:
    """For each section of .env.example the programs that read it, and its text."""
    found = re.split(
        r"^# --- .*: read by (.*?)(?: \(.*)? -+$", read(".env.example"), flags=re.MULTILINE
    )
    return [(set(found[i].split(", ")), found[i + 1]) for i in range(1, len(found), 2)]


def comments() -> dict[str, str]:
    """Setting to the comment directly above it."""
    found = re.findall(r"((?:^# (?!---).*\n)*)^#([A-Z_]+)=", read(".env.example"), re.MULTILINE)
    return {name: comment.replace("\n# ", " ") for comment, name in found}


def documented_readers() -> dict[str, set[str]]:
    """Setting to the programs that read it, from its section's heading and its own comment."""
    return {
        name: readers | set(re.findall(r"Also read by (\w+)", comments()[name]))
        for readers, text in sections()
        for name in re.findall(r"^#([A-Z_]+)=", text, re.MULTILINE)
    }


def error_slugs(base: type[ServiceError] = ServiceError) -> set[str]:
    assert api.main  # its import defines the errors of the api
    children = base.__subclasses__()
    return {base.slug}.union(*map(error_slugs, children))


def documented_and_real() -> Iterator[tuple[str, set[str], set[str]]]:
    settings = {name.upper() for _, name in FIELDS} | set(compose())
    yield "settings in .env.example", set(env_example()), settings
    rules = yaml.safe_load(read("deploy/monitoring/rules.yml"))["groups"][0]["rules"]
    alerts = code(rows("docs/monitoring.md", "Alerts"), r"(\w+)")
    yield "alerts in docs/monitoring.md", alerts, {rule["alert"] for rule in rules}
    slugs = code(rows("docs/api.md", "Errors"), r"(\w+)")
    yield "errors in docs/api.md", slugs, error_slugs()
    paths = set(json.loads(read("openapi.json"))["paths"])
    endpoints = code(rows("README.md", "Endpoints"), r"(?:[A-Z]+ )?(/[^`?]*)(?:\?[^`]*)?")
    endpoints = {path.replace("{id}", "{job_id}") for path in endpoints}
    yield "endpoints in README.md", endpoints - {"/", "/docs", "/openapi.json"}, paths


@pytest.mark.parametrize(
    ("documented", "real"),
    [pytest.param(doc, real, id=name) for name, doc, real in documented_and_real()],
)
def test_the_documentation_lists_all_and_only_what_exists(
    documented: set[str], real: set[str]
) -> None:
    assert documented == real


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_and_test_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text()
    links = re.findall(r"\]\((?!\w+:)([^)#\s]+)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []
    files = re.findall(r"`((?:api|worker|shared|tests|deploy|docs)/[\w/.-]+)`", text)
    assert [file for file in files if not (ROOT / file).exists()] == []
    tests = list((ROOT / "tests").rglob("test_*.py"))
    names = {name for path in tests for name in re.findall(r"def (test_\w+)\(", path.read_text())}
    assert set(re.findall(r"`(test_\w+)`", text)) <= names
    parts = re.findall(r"`(?!tests/)((?:\w+/)+test_\w+\.py)`", text)
    assert [part for part in parts if not (ROOT / "tests" / part).exists()] == []


@pytest.mark.parametrize(
    ("page", "heading"), [("docs/reliability.md", "Promises"), ("SECURITY.md", "Threats")]
)
def test_every_promise_and_threat_names_a_test(page: str, heading: str) -> None:
    body = read(page).partition(f"\n## {heading}")[2].partition("\n## ")[0]
    lines = [line for line in body.splitlines() if line.startswith(("- ", "| "))]
    lines = [line for line in lines if not line.endswith("| test |")]
    assert len(lines) > 20
    assert [line for line in lines if not re.search(r"`(?:\w+/)*test_", line)] == []


def test_every_setting_has_a_comment_and_its_readers() -> None:
    readers = documented_readers()
    assert set(readers) == set(env_example())
    for name, comment in comments().items():
        assert comment, name
        documented = readers[name] - {"compose"}
        real = {who for who, cls in READERS.items() if name.lower() in cls.model_fields}
        assert documented <= real, name
        # a setting that all programs have may matter to one of them only
        assert name.lower() in SharedSettings.model_fields or real <= documented, name
        assert ("compose" in readers[name]) <= (name in compose()), name


@pytest.mark.parametrize(("settings", "name"), FIELDS)
def test_env_example_has_the_default_of_the_code(
    settings: type[BaseSettings], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = name.upper()
    if settings is ServeSettings and variable in OF_SERVE:
        assert "make serve" in comments()[variable]
        return
    default = settings.model_fields[name].default
    written = env_example()[variable]
    if default is None:
        assert written == CHOSEN.get(variable, "")
        return
    monkeypatch.setenv(variable, written)
    assert getattr(settings(), name) == default


@pytest.mark.parametrize("variable", sorted(compose()))
def test_compose_has_the_default_of_env_example(variable: str) -> None:
    default = compose()[variable]
    if variable in OF_COMPOSE:
        assert default
    elif default:  # an empty one leaves it to the code
        assert default == env_example()[variable]


@pytest.mark.parametrize("settings", [ApiSettings, WorkerSettings])
def test_compose_passes_every_setting_on(settings: type[BaseSettings]) -> None:
    assert {name.upper() for name in settings.model_fields} - FIXED <= set(compose())
