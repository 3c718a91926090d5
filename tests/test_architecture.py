"""The shape of the project: import arrows, layout, compose file, documents that stay true."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from vigil.cli.main import COMMANDS
from vigil.cli.score import command as score
from vigil.config import ROOT, Settings
from vigil.events.schema import EVENTS, LOGS, METRICS


def test_the_import_arrows_hold():
    """Stages are pure, the core never imports Dagster, the folders lie on top of each other."""
    command = [str(Path(sys.executable).parent / "lint-imports")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout


def test_every_candidate_file_is_an_entry_point():
    """A file in models/ competes; an entry without a file would break the others."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    entries = project["entry-points"]["vigil.candidates"]
    files = {path.stem for path in (ROOT / "models").glob("*.py")} - {"__init__"}
    assert set(entries) == files
    assert all(target == f"models.{name}:candidate" for name, target in entries.items())


@pytest.fixture(scope="module")
def compose() -> dict:
    """The compose file."""
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def test_compose_meets_the_published_schema():
    """What `docker compose config` would check first, without an engine."""
    check = [str(Path(sys.executable).parent / "check-jsonschema"), "--builtin-schema"]
    command = [*check, "vendor.compose-spec", "docker-compose.yml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout


def test_compose_starts_nothing_before_what_it_needs_is_healthy(compose):
    """Whatever is waited for as healthy says how that is found out; volumes are declared."""
    services = compose["services"]
    for name, service in services.items():
        for needed, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services[needed], (name, needed)
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in compose["volumes"], (name, volume)


def test_compose_pins_images_checks_health_and_bounds_resources(compose):
    """Nothing floats, nothing starts before what it needs, nothing eats the host."""
    for name, service in compose["services"].items():
        if "build" not in service:
            assert re.search(r":\d+\.\d+", service["image"]), name
        assert "deploy" in service or name == "kibana-password", name
        for needed in service.get("depends_on", {}).values():
            assert needed["condition"].startswith("service_"), name


def test_every_engine_of_compose_has_a_profile_of_its_name(compose):
    """`VIGIL_ENGINE` may be what `vigil score --engine` takes; its services start with it."""
    engine = next(param for param in score.params if param.name == "engine")
    profiles = {name for s in compose["services"].values() for name in s.get("profiles", [])}
    assert {"vigil", *profiles} == set(engine.type.choices)
    assert compose["services"]["scorer"]["command"][1:] == [
        "score", "--engine", "${VIGIL_ENGINE:-vigil}"
    ]  # fmt: skip
    worker = compose["services"]["worker"]
    assert worker["deploy"]["replicas"] == "${VIGIL_WORKERS:-2}"
    assert not worker.keys() & {"ports", "container_name"}, "there are several"


def test_compose_has_no_password_and_listens_on_loopback_only(compose):
    """Secrets come from .env and have no default; ports are for this host."""
    text = (ROOT / "docker-compose.yml").read_text()
    for secret in re.findall(r"\$\{(\w*(?:PASSWORD|TOKEN))([^}]*)\}", text):
        assert secret[1].startswith(":?"), secret
        assert f"{secret[0]}=\n" in (ROOT / ".env.example").read_text()
    ports = [port for s in compose["services"].values() for port in s.get("ports", [])]
    assert all(str(port).startswith("127.0.0.1:") for port in ports)


def test_the_readme_knows_every_command():
    """A command that nobody can read about does not exist."""
    text = (ROOT / "README.md").read_text()
    assert [name for name in COMMANDS if f"`vigil {name}" not in text] == []


def test_settings_are_documented():
    """Every VIGIL_ variable stands in the README."""
    text = (ROOT / "README.md").read_text()
    missing = [n for n in Settings.model_fields if f"`VIGIL_{n.upper()}`" not in text]
    assert missing == []


@pytest.mark.parametrize("schema", [EVENTS, METRICS, LOGS])
def test_the_event_schema_is_documented(schema):
    """Each column has a row."""
    text = (ROOT / "docs" / "event-schema.md").read_text()
    assert [name for name in schema.names if f"`{name}`" not in text] == []


def test_links_between_documents_lead_somewhere():
    """Relative links of the README; the strict build of the site checks those of the docs."""
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", (ROOT / "README.md").read_text()):
        assert (ROOT / target).exists(), target
