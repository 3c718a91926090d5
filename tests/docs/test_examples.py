"""Every code block of the documentation is executed, or parsed by what would read it."""

import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner
from pages import PAGES, all_blocks, blocks, inline_calls, policy_example, shell_lines, vigil_words

from vigil.alerts.policy import parse_policy
from vigil.cli.main import COMMANDS, cli
from vigil.config import ROOT, Settings
from vigil.errors import VigilError
from vigil.events.schema import SCHEMA_OF_TOPIC

# Languages that a test below takes; pictures have none.
READ = {"sh", "python", "yaml", "toml", "nginx", "apache", "text", ""}
# They serve until they are stopped, need what an example cannot bring, or take minutes; each has
# tests of its own, and what is written of them is parsed.
NOT_RUN = {
    "up", "down", "board", "collect", "score", "work", "demo", "bench", "probe",
    "kibana", "evidence",
    "doctor", "backtest", "train", "simulate", "rca", "challenge",
    "promote", "rollback",
}  # fmt: skip

names = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def command_of(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that the words call, and what is left of them."""
    assert words[0] in COMMANDS, words
    command = cli.get_command(click.Context(cli), words[0])
    assert command is not None
    left = words[1:]
    if isinstance(command, click.Group) and left and not left[0].startswith("-"):
        member = command.get_command(click.Context(command), left[0])
        assert member is not None, words
        return member, left[1:]
    return command, left


@names
def test_every_block_is_in_a_language_that_is_read(page):
    """A new language needs a reader first."""
    assert {language for language, _ in all_blocks(page)} <= READ


@names
def test_every_shell_block_is_shell(page):
    """As bash reads it."""
    for block in blocks(page, "sh"):
        done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


@names
def test_every_call_is_one_that_the_command_takes(page):
    """A reader who copies a line gets what the page says: its options, their values, its words."""
    calls = [words for line in shell_lines(page) if (words := vigil_words(line))]
    for words in [*calls, *inline_calls(page)]:
        command, left = command_of(words)
        context = click.Context(command)
        given, rest, _ = command.make_parser(context).parse_args(list(left))
        assert not rest, words
        for parameter in command.params:
            value = given.get(str(parameter.name))
            # A word in capitals stands for one of the reader's own.
            placeholder = isinstance(value, str) and value.isupper()
            if isinstance(value, str) and not placeholder and not _is_path(parameter):
                parameter.type.convert(value, parameter, context)


def _is_path(parameter: click.Parameter) -> bool:
    return isinstance(parameter.type, click.Path)


@names
def test_every_make_target_exists(page):
    """And so do the services of Compose."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    for line in shell_lines(page):
        words = shlex.split(line)
        if words[0] == "make":
            assert {word for word in words[1:] if "=" not in word} <= targets, line
        if words[:3] == ["docker", "compose", "exec"]:
            assert words[3] in services, line


@names
def test_what_runs_by_itself_runs(page, documented: Settings, example_files: Path, monkeypatch):
    """On an hour of traffic: each ends as its help says, 0 for yes and 1 for no."""
    monkeypatch.setenv("VIGIL_HOME", str(documented.home))
    monkeypatch.setenv("VIGIL_STORE_URL", documented.store_url)
    monkeypatch.setenv("VIGIL_WINDOW_S", str(documented.window_s))
    for line in shell_lines(page):
        words = vigil_words(line)
        if words is None or words[0] in NOT_RUN:
            continue
        if any(word.startswith("inc-") for word in words):
            continue  # an incident of the reader's own
        words = [word.replace("/var/log", "var/log") for word in words]
        # The `<*>` of a template is no pattern of files.
        patterns = [word for word in words if "*" in word and "<*>" not in word]
        expanded = [str(path) for word in patterns for path in sorted(Path().glob(word))]
        words = [word for word in words if word not in patterns] + expanded
        result = CliRunner().invoke(cli, words)
        error = result.exception
        told = str(error) if isinstance(error, VigilError) else result.output
        code = error.exit_code if isinstance(error, VigilError) else result.exit_code
        assert code in (0, 1), (words, told)
        assert error is None or isinstance(error, SystemExit | VigilError), (words, error)


def test_the_policy_of_the_page_about_alerting_is_taken(example_files):
    """With its calendar and its secrets from the environment."""
    policy = parse_policy(policy_example(), "docs/alerting.md", example_files)
    assert set(policy.channels) == {"chat", "pager", "mail"}


def test_the_objectives_of_the_page_about_forecasting_are_taken(tmp_path):
    """OpenSLO, as `vigil slo check` reads it."""
    [text] = blocks(ROOT / "docs" / "forecasting.md", "yaml")
    path = tmp_path / "objectives.yaml"
    path.write_text(text)
    result = CliRunner().invoke(cli, ["slo", "check", str(path)])
    assert result.exit_code == 0, result.output or result.exception


def test_other_programs_settings_are_what_those_read():
    """YAML of the Collector and of Prometheus; the topics are ours."""
    [collector] = blocks(ROOT / "docs" / "sources" / "opentelemetry.md", "yaml")
    kafka = yaml.safe_load(collector)["exporters"]["kafka"]
    assert {kafka[signal]["topic"] for signal in ("traces", "logs")} <= set(SCHEMA_OF_TOPIC)
    [prometheus] = blocks(ROOT / "docs" / "sources" / "prometheus.md", "yaml")
    [remote] = yaml.safe_load(prometheus)["remote_write"]
    assert remote["url"].endswith("/api/v1/write")


@names
def test_every_toml_block_is_toml(page):
    """Entry points and settings."""
    for block in blocks(page, "toml"):
        assert tomllib.loads(block)
