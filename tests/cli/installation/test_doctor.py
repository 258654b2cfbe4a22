"""`skviz doctor`: what it looks at, what it says where something is not right."""

from __future__ import annotations

import importlib.metadata
import json
import re
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from skviz.cli.installation import checks, completion, versions
from skviz.cli.installation.checks import FAILED, MISSING, OK, WARNING, Check, Requirement
from skviz.cli.main import cli
from skviz.numbers import file_size


@pytest.fixture(autouse=True)
def plain_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home and an empty current folder, with configuration files on."""
    home = tmp_path / "home"
    (home / "here").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE", "TORCH_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("SKVIZ_NO_CONFIG", raising=False)
    monkeypatch.setenv("SHELL", "/bin/bash")
    monkeypatch.chdir(home / "here")
    return home


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["doctor", *arguments])


def found(*arguments: str) -> dict[tuple[str, str], dict[str, str]]:
    """The checks of the JSON document by area and name."""
    document = json.loads(run("--json", *arguments).stdout)
    return {(check["area"], check["name"]): check for check in document["checks"]}


def test_here_everything_works() -> None:
    done = run()
    assert done.exit_code == 0
    assert f"  ok       torch: {versions.version_of('torch')}\n" in done.stdout
    assert (
        "  missing  bash: not installed\n           -> `skviz doctor --completion bash`"
        in done.stdout
    )
    assert done.stdout.splitlines()[-1].startswith("skviz works here")
    assert done.stderr == "next: skviz attention example\n"


def test_json_has_every_line_once() -> None:
    done = run("--json")
    document = json.loads(done.stdout)
    assert document["ok"] is True
    names = [(check["area"], check["name"]) for check in document["checks"]]
    assert len(names) == len(set(names))
    areas = {area for area, _ in names}
    assert areas == {
        "environment", "weights", "devices", "figures", "extras", "configuration", "folder",
        "caches", "completion",
    }  # fmt: skip
    assert {check["status"] for check in document["checks"]} <= {OK, WARNING, MISSING}


def test_every_dependency_is_looked_at() -> None:
    needed = {one.package for one in checks.requirements() if one.extra is None}
    lines = [line for line in importlib.metadata.requires("skviz") or [] if "extra" not in line]
    assert needed == {re.split(r"[^\w.-]", line)[0] for line in lines}
    assert {check.name for check in checks.environment()} == {*needed, "Python", "platform"}


def test_requirements_are_read_as_they_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        "click>=8.2",
        "rich",
        'timm>=1.0; extra == "timm"',
        "python-pptx<2,>=1.0.2; extra == 'slides'",
        'Jinja2[i18n]>=3.1; extra == "html"',
        'skviz[test]; extra == "dev"',
    ]
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: lines)
    assert checks.requirements() == [
        Requirement("click", "8.2"),
        Requirement("rich"),
        Requirement("timm", "1.0", "timm"),
        Requirement("python-pptx", "1.0.2", "slides"),
        Requirement("Jinja2", "3.1", "html"),
    ]


@pytest.mark.parametrize(
    ("version", "least", "met"),
    [
        ("2.6.0+cu124", "2.6", True),
        ("2.10.1", "2.6", True),
        ("2.5.9", "2.6", False),
        ("3.0.0rc1", "2.6", True),
        ("1", "", True),
    ],
)
def test_versions_compare_as_numbers(version: str, least: str, met: bool) -> None:
    assert Requirement("x", least).met_by(version) is met


def test_a_package_that_is_not_there_too_old_or_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = checks.package_check(Requirement("no-such-package-of-skviz", "1.2"))
    assert (gone.status, gone.value) == (FAILED, "not installed")
    assert gone.advice == "pip install 'no-such-package-of-skviz>=1.2'"
    old = checks.package_check(Requirement("click", "99.1"))
    assert old.status == FAILED
    assert old.value.endswith(", needs 99.1")
    # A package as pip leaves it, which cannot be imported.
    (tmp_path / "skviz_broken-1.0.dist-info").mkdir()
    metadata = "Metadata-Version: 2.1\nName: skviz-broken\nVersion: 1.0\n"
    (tmp_path / "skviz_broken-1.0.dist-info" / "METADATA").write_text(metadata)
    (tmp_path / "skviz_broken.py").write_text("raise OSError('libfoo.so: cannot open')")
    monkeypatch.syspath_prepend(tmp_path)
    broken = checks.package_check(Requirement("skviz-broken", "1.0"))
    assert broken.status == FAILED
    assert broken.value == "1.0, cannot be imported: libfoo.so: cannot open"
    assert "install it again" in broken.advice


def test_extras_that_lack_something_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [
        Requirement("click", "8.2", "one"),
        Requirement("no-such-package-of-skviz", "", "two"),
        Requirement("click", "99", "three"),
        Requirement("no-such-package-of-skviz", "", "dev"),
    ]
    monkeypatch.setattr(checks, "requirements", lambda: wanted)
    lines = {check.name: check for check in checks.extras()}
    assert {name: check.status for name, check in lines.items()} == {
        "one": OK,
        "two": MISSING,
        "three": MISSING,
    }
    assert lines["two"].value == "no-such-package-of-skviz not installed"
    assert lines["two"].advice == "pip install 'skviz[two]'"


def test_damaged_weights_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    (fine,) = checks.weights()
    assert fine.status == OK
    expected = {"sknet50_lite": "0" * 64, "nothing": "1" * 64}
    monkeypatch.setattr(checks, "bundled_checksums", lambda: expected)
    damaged, gone = checks.weights()
    assert (damaged.status, damaged.advice) == (FAILED, "install skviz again")
    assert damaged.value == f"damaged: sha256 {fine.value[-12:]}"
    assert (gone.status, gone.value) == (FAILED, "missing")
    done = run()
    assert done.exit_code == 1
    assert done.stdout.endswith("2 failed: skviz does not work here as it should\n")


def test_a_check_that_breaks_is_a_finding_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks() -> list[Check]:
        raise RuntimeError("the driver\nis gone")

    monkeypatch.setattr(checks, "devices", breaks)
    done = run()
    assert done.exit_code == 1
    assert "failed   devices: RuntimeError: the driver\n" in done.stdout
    assert "caches" in done.stdout


def test_the_devices_are_those_of_pytorch() -> None:
    names = [check.name for check in checks.devices()]
    cards = torch.cuda.device_count()
    assert names[0] == "CPU"
    assert [name for name in names if name.startswith("cuda:")] == [
        f"cuda:{i}" for i in range(cards)
    ]
    assert ("CUDA" in names) == (cards == 0)


def test_configuration_files_are_named(plain_home: Path) -> None:
    assert found()["configuration", "files"]["value"].startswith("none (a skviz.toml here")
    file = plain_home / "here" / "skviz.toml"
    file.write_text("model = 'sknet50'\n[plot]\nstyle = 'paper'")
    users = plain_home / ".config" / "skviz" / "skviz.toml"
    users.parent.mkdir(parents=True)
    users.write_text("")
    lines = found()
    assert lines["configuration", "skviz.toml"]["value"] == "in force: model, plot"
    assert lines["configuration", "../.config/skviz/skviz.toml"]["value"] == "in force: empty"
    # A value for any command, not only for the one that runs.
    file.write_text("[plot]\nfigure = 'clases'")
    done = run()
    assert done.exit_code == 1
    assert "failed   files: skviz.toml: [plot] figure: 'clases' is not one of" in done.stdout
    assert "Did you mean 'classes'?" in done.stdout
    left_out = CliRunner().invoke(cli, ["--no-config", "doctor"])
    assert left_out.exit_code == 0
    assert "not read (--no-config, SKVIZ_NO_CONFIG)" in left_out.stdout


def test_a_folder_that_cannot_be_written_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/proc")
    (line,) = checks.folder()
    assert (line.status, line.advice) == (WARNING, "name another one with --out")
    assert line.value.startswith("cannot be written: ")


def test_caches_are_measured(plain_home: Path) -> None:
    hub = plain_home / ".cache" / "huggingface" / "hub"
    (hub / "blobs").mkdir(parents=True)
    (hub / "blobs" / "a").write_bytes(bytes(2_500_000))
    (hub / "snapshot").symlink_to(hub / "blobs" / "a")
    lines = found()
    assert lines["caches", "Hugging Face"]["value"] == f"2.5 MB in {hub}"
    assert lines["caches", "torch hub"]["value"].startswith("empty (")


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (3_589_248, "3.6 MB"),
        (7e12, "7000.0 GB"),
    ],
)
def test_sizes_are_for_readers(count: int, text: str) -> None:
    assert file_size(count) == text


def test_completion_that_is_installed_is_found(
    plain_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = plain_home / completion.FILES["bash"]
    script.parent.mkdir(parents=True)
    script.touch()
    assert found()["completion", "bash"]["value"] == f"in {script}"
    monkeypatch.setenv("SHELL", "/bin/dash")
    assert found()["completion", "shell"]["status"] == OK
