"""Configuration files: which are found, what they set, and what they may not."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from skviz.cli.config.defaults import option_defaults
from skviz.cli.config.files import config_files, user_file
from skviz.cli.main import cli
from skviz.errors import UsageError

GROUP = click.Context(cli)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository in an empty home, as the current folder, with configuration on."""
    home = tmp_path / "home"
    folder = home / "project"
    (folder / ".git").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("SKVIZ_NO_CONFIG", raising=False)
    monkeypatch.chdir(folder)
    return folder


def defaults(name: str = "attention") -> dict[str, object]:
    return option_defaults(config_files(), name, cli.with_defaults(GROUP))


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(cli, arguments, env=environment)


# Where files are


def test_no_file_no_defaults(project: Path) -> None:
    assert config_files() == []


def test_a_file_of_a_folder_above_is_found_up_to_the_repository(project: Path) -> None:
    below = project / "a" / "b"
    below.mkdir(parents=True)
    (project.parent / "skviz.toml").write_text("limit = 3")
    assert config_files(below) == []  # It lies above the repository.
    (project / "skviz.toml").write_text("limit = 4")
    (found,) = config_files(below)
    assert found.path == project / "skviz.toml"
    (below / "skviz.toml").write_text("limit = 5")
    assert [file.values for file in config_files(below)] == [{"limit": 5}]


def test_without_a_repository_home_is_the_last_place(project: Path) -> None:
    (project / ".git").rmdir()
    (project.parent / "skviz.toml").write_text("limit = 3")
    assert [file.values for file in config_files()] == [{"limit": 3}]


def test_outside_of_home_and_repository_only_the_folder_itself(
    project: Path, tmp_path: Path
) -> None:
    """Everyone may write /tmp/skviz.toml."""
    elsewhere = tmp_path / "elsewhere" / "below"
    elsewhere.mkdir(parents=True)
    (elsewhere.parent / "skviz.toml").write_text("limit = 3")
    assert config_files(elsewhere) == []
    (elsewhere / "skviz.toml").write_text("limit = 4")
    assert [file.values for file in config_files(elsewhere)] == [{"limit": 4}]


def test_pyproject_has_a_table_for_it(project: Path) -> None:
    pyproject = project / "pyproject.toml"
    pyproject.write_text("[project]\nname = 'about-skviz'")
    assert config_files() == []
    pyproject.write_text("[tool.skviz]\nlimit = 3\n[tool.skviz.attention]\ngroup = 8")
    assert [file.values for file in config_files()] == [{"limit": 3, "attention": {"group": 8}}]
    (project / "skviz.toml").write_text("limit = 4")
    assert [file.values for file in config_files()] == [{"limit": 4}]


def test_a_broken_pyproject_of_others_is_none_of_ours(project: Path) -> None:
    (project / "pyproject.toml").write_text("[[[")
    assert config_files() == []
    (project / "pyproject.toml").write_text("[tool.skviz\n")
    with pytest.raises(UsageError, match=r"pyproject\.toml: expected TOML: .*line 1"):
        config_files()


def test_the_users_own_file_comes_first_and_loses(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = project.parent / ".config" / "skviz" / "skviz.toml"
    assert user_file() == users
    users.parent.mkdir(parents=True)
    users.write_text("group = 4\n[attention]\nstyle = 'talk'\nbranch = 0")
    (project / "skviz.toml").write_text("style = 'paper'\n[attention]\nbranch = 1")
    assert defaults() == {"group": 4, "style": "paper", "branch": 1}
    monkeypatch.setenv("XDG_CONFIG_HOME", str(project))
    assert user_file() == project / "skviz" / "skviz.toml"
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    assert user_file() == users


# What they set


def test_values_reach_the_options_that_have_them(project: Path) -> None:
    (project / "skviz.toml").write_text(
        "\n".join([
            "model = 'sknet50'",
            "weights = 'net.pth'",
            "scales = [1, 1.5]",
            "stage = ['3_4', '2_*']",
            "format = ['pdf', 'png']",
            "mean = [0.5, 0.5, 0.5]",
            "input_size = 64",
            "[analyze]",
            "units = 'paper'",
            "limit = 5",
            "class-channels = true",
            "batch-size = 'auto'",
            "[models]",
            "json = true",
        ])
    )  # fmt: skip
    shared = {
        "model": "sknet50",
        "weights": str(project / "net.pth"),
        "mean": "0.5,0.5,0.5",
        "input_size": 64,
        "scales": "1,1.5",
    }
    drawn = {"stages": ["3_4", "2_*"], "formats": "pdf,png"}
    assert defaults("attention") == {**shared, **drawn}
    recorded = {"units": "paper", "limit": 5, "class_channels": True, "batch_size": "auto"}
    assert defaults("analyze") == {**shared, **recorded}
    assert defaults("merge") == {}
    assert defaults("models")["as_json"] is True


def test_the_command_line_wins_then_the_environment_then_the_file(project: Path) -> None:
    (project / "skviz.toml").write_text("device = 'tpu'")
    done = run("attention", "photo.jpg")
    assert done.exit_code == 2
    assert "skviz.toml: device: 'tpu' is not one of 'auto', 'cpu', 'cuda'" in done.stderr
    (project / "skviz.toml").write_text("scales = 'of-the-file'")
    done = run("attention", "photo.jpg")
    assert "got 'of-the-file'" in done.stderr
    assert "defaults from 'skviz.toml': scales" in done.stderr
    done = run("attention", "photo.jpg", SKVIZ_ATTENTION_SCALES="of-the-shell")
    assert "got 'of-the-shell'" in done.stderr
    line = ("attention", "photo.jpg", "--scales", "of-the-line")
    done = run(*line, SKVIZ_ATTENTION_SCALES="of-the-shell")
    assert "got 'of-the-line'" in done.stderr


def test_the_environment_uses_the_options_own_words(project: Path) -> None:
    assert run("models", SKVIZ_MODELS_JSON="1").stdout.startswith("[")
    done = run("attention", "photo.jpg", SKVIZ_ATTENTION_STAGE="3_4,")
    assert "expected comma-separated words, got '3_4,'" in done.stderr


def test_units_have_one_name_and_the_papers_word_still_answers(project: Path) -> None:
    for word in ("UNITS", "STAGE"):
        done = run("attention", "photo.jpg", **{f"SKVIZ_ATTENTION_{word}": "3_4,"})
        assert done.exit_code == 2 and "expected comma-separated words" in done.output, word
    (project / "skviz.toml").write_text('units = "3_4"')
    for name in ("attention", "receptive-field", "report"):
        assert defaults(name) == {"stages": ["3_4"]}
    assert defaults("analyze") == {"units": "3_4"}
    said = run("attention", "photo.jpg").output
    assert "defaults from 'skviz.toml': units\n" in said
    (project / "skviz.toml").write_text('stage = "3_4"')
    assert defaults("attention") == {"stages": ["3_4"]}
    assert defaults("analyze") == {}  # What is drawn never narrows what is recorded.


@pytest.mark.parametrize("word", ["model", "model-args", "overwrite"])
def test_the_environment_names_no_code_and_replaces_nothing(project: Path, word: str) -> None:
    option = next(o for o in cli.get_command(GROUP, "attention").params if f"--{word}" in o.opts)
    assert option.envvar is None


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [(["--no-config"], {}), ([], {"SKVIZ_NO_CONFIG": "1"})],
    ids=["option", "environment"],
)
def test_files_can_be_left_out(
    project: Path, arguments: list[str], environment: dict[str, str]
) -> None:
    (project / "skviz.toml").write_text("[[[")
    assert run("models", "--json").exit_code == 2
    assert run(*arguments, "models", "--json", **environment).exit_code == 0


def test_json_stays_one_document_and_quiet_stays_quiet(project: Path) -> None:
    (project / "skviz.toml").write_text("[models]\njson = true")
    done = run("models")
    assert done.stdout.startswith("[")
    assert done.stderr == "defaults from 'skviz.toml': json\n"
    (project / "skviz.toml").write_text("model = 'nothing'\n")
    assert "defaults" not in run("attention", "photo.jpg", "-q").stderr
    (project / "skviz.toml").write_text("model = 'nothing'\nquiet = true")
    assert "defaults" not in run("attention", "photo.jpg").stderr


def test_help_shows_the_defaults_in_force_and_survives_a_bad_file(project: Path) -> None:
    (project / "skviz.toml").write_text("scales = '1,3'")
    done = run("attention", "-h")
    assert "[default: 1,3]" in " ".join(done.output.split())
    (project / "skviz.toml").write_text("scale = '1,3'")
    done = run("attention", "-h")
    assert done.exit_code == 0
    assert "--scales LIST" in done.stdout
    assert "Did you mean 'scales'?" in done.stderr


# What they may not


BAD = {
    "no TOML": ("model = ", "skviz.toml: expected TOML: "),
    "no UTF-8": (b"style = '\xff'", "skviz.toml: expected TOML in UTF-8"),
    "key": ("modle = 'sknet50'", "skviz.toml: modle: expected an option .* mean 'model'?"),
    "command": ("[atention]\n", r"\[atention\]: expected the name .* mean 'attention'?"),
    "command, far": ("[zzz]\n", r"\[zzz\]: expected the name of a command .* Known are: analyze"),
    "doctor": ("[doctor]\n", r"\[doctor\]: expected the name of a command that takes defaults"),
    "option": (
        "[attention]\nstages = '3_4'",
        r"\[attention\] stages: expected an option of `skviz attention`. Did you mean 'stage'?",
    ),
    "option of another": ("[merge]\nmodel = 'a'", r"\[merge\] model: .* Known are: "),
    "argument": ("[attention]\nimages = 'a.jpg'", r"\[attention\] images: expected an option"),
    "text for a number": ("group = 'x'", "group: expected a whole number, got 'x'"),
    "share for a number": ("group = 1.5", r"group: expected a whole number, got 1\.5"),
    "truth for a number": ("group = true", "group: expected a whole number, got True"),
    "text for a share": ("crop = 'x'", "crop: expected a number, got 'x'"),
    "number for a flag": ("no-pretrained = 1", "no-pretrained: expected true or false, got 1"),
    "number for a path": ("weights = 1", "weights: expected a path, as text, got 1"),
    "number for a word": ("device = 1", "device: expected one of auto, cpu, cuda, as text, got 1"),
    "list for a text": ("style = ['a']", r"style: expected text, got \['a'\]"),
    "table for a list": ("stage = [{}]", r"stage: expected text or a list, got {}"),
    "below the range": ("group = 0", "group: 0 is not in the range x>=1"),
    "unknown format": ("format = 'gif'", "format: expected png or pdf or svg, got 'gif'"),
    "two numbers": ("mean = [1, 2]", "mean: expected three comma-separated numbers"),
    "overwrite": ("overwrite = true", "overwrite: pass --overwrite on the command line: a file"),
    "arguments": (
        "[attention]\nmodel-args = '{}'",
        r"\[attention\] model-args: pass --model-args on the command line: they are",
    ),
    "arguments, table": ("[model_args]\na = 1", "model_args: pass --model-args on the command"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_wrong_usage_and_named(project: Path, case: str) -> None:
    text, message = BAD[case]
    (project / "skviz.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UsageError, match=message):
        defaults()
    done = run("attention", "photo.jpg")
    assert done.exit_code == 2
    assert "skviz.toml" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_cannot_be_read_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "skviz.toml").write_text("")

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    # The superuser, whom tests may run as, can read every file.
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(UsageError, match=r"cannot read this configuration file: Permission denied"):
        config_files()


@pytest.mark.parametrize("place", ["skviz.toml", "pyproject.toml", "the user's"])
@pytest.mark.parametrize("form", ["evil.py:build", "evil:build"])
def test_a_file_cannot_make_code_run(project: Path, place: str, form: str) -> None:
    (project / "evil.py").write_text("open('ran', 'w')\ndef build():\n    open('ran', 'w')\n")
    head, file = "", project / "skviz.toml"
    if place == "pyproject.toml":
        head, file = "[tool.skviz]\n", project / "pyproject.toml"
    elif place == "the user's":
        file = user_file()
        file.parent.mkdir(parents=True)
    for table in ("", "[tool.skviz.attention]\n" if head else "[attention]\n"):
        file.write_text(f"{head}{table}model = '{form}'\n")
        done = run("attention", "photo.jpg")
        assert done.exit_code == 2
        assert f"got '{form}'; this is code, and only code that the command line" in done.stderr
        assert not (project / "ran").exists()
        assert "evil" not in sys.modules
    file.write_text(f"{head}model = 'timm:skresnet18'\n")
    assert defaults() == {"model": "timm:skresnet18"}


def test_the_check_would_see_code_run(project: Path, photo: Path) -> None:
    (project / "evil.py").write_text("open('ran', 'w')\ndef build():\n    return None\n")
    done = run("attention", str(photo), "--model", "evil.py:build")
    assert done.exit_code == 1
    assert (project / "ran").exists()
