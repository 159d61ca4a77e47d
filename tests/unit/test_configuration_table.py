"""The settings, `.env.example`, the table in docs/configuration.md and compose say the same."""

import re
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from api.settings import ApiSettings
from scripts.serve.settings import ServeSettings
from shared.settings import SharedSettings
from worker.models.weights import DEFAULT_WEIGHTS
from worker.settings import WorkerSettings

ROOT = Path(__file__).resolve().parents[2]
CLASSES: list[type[BaseSettings]] = [SharedSettings, ApiSettings, WorkerSettings, ServeSettings]

# Where no value means one that the code chooses.
CHOSEN = {"MODEL_WEIGHTS": DEFAULT_WEIGHTS}
# `make serve` has a mind of its own about these, which their lines in both places must say.
OF_SERVE = {"MODEL", "REDIS_URL", "UPLOADS_URL"}
# Likewise compose.
OF_COMPOSE = {"LOG_FORMAT", "MODEL_DIR", "API_KEYS_FILE"}
# What compose settles itself: there is one Redis and one volume each.
FIXED = {"REDIS_URL", "UPLOADS_URL", "MODEL_CACHE"}

FIELDS = [(settings, name) for settings in CLASSES for name in settings.model_fields]


def env_example() -> dict[str, str]:
    text = (ROOT / ".env.example").read_text()
    return dict(re.findall(r"^#([A-Z][A-Z0-9_]*)=(.*)$", text, re.MULTILINE))


def table() -> dict[str, list[str]]:
    """Setting to its other cells: unit, readers, default, meaning."""
    rows = {}
    for line in (ROOT / "docs" / "configuration.md").read_text().splitlines():
        if line.startswith("| `"):
            name, *cells = (cell.strip() for cell in line.strip("|").split("|"))
            assert len(cells) == 4, f"{name}: a row has five cells"
            rows[name.strip("`")] = cells
    return rows


def compose() -> dict[str, str]:
    """Name to default of every ${NAME:-default} and ${NAME-default}."""
    text = (ROOT / "docker-compose.yml").read_text()
    return dict(re.findall(r"\$\{([A-Z_]+):?-([^}]*)\}", text))


def names() -> set[str]:
    return {name.upper() for _, name in FIELDS} | set(compose())


def test_env_example_lists_every_setting_and_no_other() -> None:
    assert set(env_example()) == names()


def test_the_table_lists_every_setting_and_no_other() -> None:
    assert set(table()) == names()


def test_every_row_has_a_unit_a_reader_and_a_meaning() -> None:
    for name, (unit, readers, _, meaning) in table().items():
        assert unit, name
        assert meaning, name
        assert set(readers.split(", ")) <= {"api", "worker", "serve", "compose"}, name


def test_the_table_and_env_example_agree_on_every_default() -> None:
    assert {name: cells[2].strip("`") for name, cells in table().items()} == env_example()


@pytest.mark.parametrize(("settings", "name"), FIELDS)
def test_env_example_has_the_default_of_the_code(
    settings: type[BaseSettings], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = name.upper()
    if settings is ServeSettings and variable in OF_SERVE:
        assert "make serve" in table()[variable][3]
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
    fields = {name.upper() for name in settings.model_fields}
    assert fields - FIXED <= set(compose())


def test_the_table_says_who_reads_a_setting() -> None:
    readers = {"api": ApiSettings, "worker": WorkerSettings, "serve": ServeSettings}
    for name, cells in table().items():
        said = set(cells[1].split(", "))
        reads = {who for who, settings in readers.items() if name.lower() in settings.model_fields}
        # of what both sides have, one may need it alone
        exact = name.lower() not in SharedSettings.model_fields
        assert said - {"compose"} <= reads, name
        assert not exact or reads <= said, name
        assert ("compose" in said) <= (name in compose()), name
