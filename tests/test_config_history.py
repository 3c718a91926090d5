"""A configuration file of an earlier version: what changed is said, and changed on demand."""

import pytest
from click.testing import CliRunner

from vigil import config_history
from vigil.cli.main import cli
from vigil.config import find_problems, load_settings
from vigil.config_history import CHANGES, Change, migrated
from vigil.errors import ConfigError

OLD = """# our stream
window_s = 30   # as agreed
grace_s = 90

checkpoint_s = 2.0
"""


@pytest.fixture
def renamed(monkeypatch):
    """A version in which one setting was renamed as well."""
    changes = (*CHANGES, Change("grace_s", "lateness_s", "the word of the field"))
    monkeypatch.setattr(config_history, "CHANGES", changes)


@pytest.fixture
def old_file(tmp_path, monkeypatch, renamed):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VIGIL_CONFIG", raising=False)
    path = tmp_path / "vigil.toml"
    path.write_text(OLD)
    return path


def test_comments_and_values_stay_where_names_change(renamed):
    """Only what has to change does."""
    text, done = migrated(OLD)
    assert text.startswith("# our stream\nwindow_s = 30   # as agreed\n")
    assert "lateness_s = 90" in text
    assert "checkpoint_s" not in text
    assert "grace_s" not in text
    assert len(done) == 2
    assert migrated(text) == (text, [])


def test_what_is_set_by_its_new_name_already_wins(renamed):
    """The old name is only taken out."""
    text, _ = migrated("grace_s = 90\nlateness_s = 60\n")
    assert text == "lateness_s = 60\n"


def test_an_old_name_is_refused_with_what_became_of_it(old_file):
    """Not with the nearest name, which is another setting."""
    with pytest.raises(ConfigError, match=r"grace_s is called lateness_s now.*config migrate"):
        load_settings()
    assert len(find_problems()) == 2


def test_migrate_shows_then_writes_and_keeps_the_old_file(old_file):
    """Afterwards nothing needs a change."""
    shown = CliRunner().invoke(cli, ["config", "migrate"])
    assert (shown.exit_code, old_file.read_text()) == (1, OLD)
    assert "lateness_s = 90" in shown.stdout
    assert "checkpoint_s is gone" in shown.stderr
    assert CliRunner().invoke(cli, ["config", "migrate", "--write"]).exit_code == 0
    assert load_settings().lateness_s == 90
    assert old_file.with_name("vigil.toml.bak").read_text() == OLD
    again = CliRunner().invoke(cli, ["config", "migrate"])
    assert (again.exit_code, again.stdout[:21]) == (0, "nothing needs a chang")


def test_a_variable_of_an_earlier_version_is_named(tmp_path, monkeypatch):
    """Whoever sets it has to change it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIGIL_CHECKPOINT_S", "2")
    assert find_problems() == ["VIGIL_CHECKPOINT_S is gone: the scorer commits each step at once"]
    assert CliRunner().invoke(cli, ["config", "migrate"]).exit_code == 1


def test_a_damaged_file_is_wrong_use(old_file):
    """It is named."""
    old_file.write_text("window_s = = 3")
    result = CliRunner().invoke(cli, ["config", "migrate"])
    assert isinstance(result.exception, ConfigError)
    assert "cannot be read as TOML" in str(result.exception)
