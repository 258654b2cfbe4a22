"""Configuration files into defaults of options, as click's `default_map` wants them.

A file that lies in the current folder may be anyone's. So it is data: it can neither name code
to be run nor allow that anything is overwritten.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click
from click.types import FloatParamType, IntParamType

from skviz.errors import UsageError, did_you_mean

from ..options import CommaList
from .files import ConfigFile

# Commands that take no defaults: they must work whatever a file says.
WITHOUT_CONFIG = ("doctor",)
# Commands that record: what is drawn (`stage`, for all commands) never narrows what is recorded.
RECORDING = ("analyze", "controls", "intervene")
TIMM = "timm:"
# How options of a type are written in a file: as which types of TOML, and that in words.
_KINDS: tuple[tuple[type, tuple[type, ...], str], ...] = (
    (IntParamType, (int,), "a whole number"),
    (FloatParamType, (int, float), "a number"),
    (click.Path, (str,), "a path, as text"),
    (click.Choice, (str,), "one of {}, as text"),
    (object, (str, int, float), "text"),
)
# Key: why it belongs on the command line alone.
REFUSED = {
    "model-args": "they are the arguments of code that is executed",
    "overwrite": "a file must not decide what is replaced",
}


def option_defaults(
    files: Iterable[ConfigFile], name: str, commands: Mapping[str, click.Command]
) -> dict[str, Any]:
    """Return the defaults of the command `name`: values by the parameters' names.

    A key at the top of a file goes to every command with that option; a table such as
    `[analyze]` to its command, over the top's. Names are checked in the whole file, values for
    this command. Raises `UsageError` that names file, key and what was expected.
    """
    found: dict[str, Any] = {}
    for file in files:
        _check_names(file, commands)
        options = options_of(commands[name])
        for place in (file.values, file.values.get(name, {})):
            for key, value in place.items() if isinstance(place, dict) else ():
                option = options.get(_key(key))
                everywhere = place is file.values
                if option is None or (everywhere and _is_table(key, value, commands)):
                    continue
                if everywhere and key == "stage" and name in RECORDING:
                    continue
                where = f"{file.shown}: {key if everywhere else f'[{name}] {key}'}"
                assert option.name is not None
                found[option.name] = _checked(where, option, value, file, commands[name])
    return found


def options_of(command: click.Command) -> dict[str, click.Option]:
    """Options of a command by the words that follow their two dashes."""
    return {
        word.removeprefix("--"): option
        for option in command.params
        if isinstance(option, click.Option)
        for word in option.opts
        if word.startswith("--")
    }


def take_environment(name: str, command: click.Command) -> None:
    """Have options take a default from SKVIZ_<COMMAND>_<OPTION>.

    Not by click's own prefix: that uses the parameters' names, which users do not know. What a
    file may not say, and which network is run, the environment does not say either.
    """
    found: dict[click.Option, list[str]] = {}
    for word, option in options_of(command).items():
        if word not in REFUSED and "model" not in word:
            variable = f"SKVIZ_{name}_{word}".upper().replace("-", "_")
            found.setdefault(option, []).append(variable)
    for option, variables in found.items():
        option.envvar = variables


def _key(key: str) -> str:
    return key.replace("_", "-")


def _is_table(key: str, value: Any, commands: Mapping[str, click.Command]) -> bool:
    # `attention` is a command and an option: a table is the former, any other value the latter.
    return isinstance(value, dict) and key in commands


def _check_names(file: ConfigFile, commands: Mapping[str, click.Command]) -> None:
    everywhere = {word for command in commands.values() for word in options_of(command)}
    for key, value in file.values.items():
        if _is_table(key, value, commands):
            options = options_of(commands[key])
            for inner in value:
                if _key(inner) not in options:
                    raise UsageError(
                        f"{file.shown}: [{key}] {inner}: expected an option of `skviz {key}`."
                        f"{did_you_mean(_key(inner), options) or _known(options)}"
                    )
        elif isinstance(value, dict) and _key(key) not in everywhere:
            raise UsageError(
                f"{file.shown}: [{key}]: expected the name of a command that takes defaults."
                f"{did_you_mean(key, commands) or _known(commands)}"
            )
        elif _key(key) not in everywhere:
            raise UsageError(
                f"{file.shown}: {key}: expected an option of a command, or its table."
                f"{did_you_mean(_key(key), [*everywhere, *commands])}"
            )


def _known(names: Iterable[str]) -> str:
    return f" Known are: {', '.join(sorted(names))}."


def _checked(
    where: str, option: click.Option, value: Any, file: ConfigFile, command: click.Command
) -> Any:
    """The value as a shell would give it, after it was converted once to see that it can be."""
    for word in option.opts:
        if word.removeprefix("--") in REFUSED:
            reason = REFUSED[word.removeprefix("--")]
            raise UsageError(f"{where}: pass {word} on the command line: {reason}")
    given = _as_given(where, option, value, file.path.parent)
    for one in given if isinstance(given, list) else [given]:
        named = "model" in (option.name or "")
        if named and ":" in str(one) and not str(one).startswith(TIMM):
            raise UsageError(
                f"{where}: expected a network of `skviz models` or timm:NAME, got {one!r}; this "
                "is code, and only code that the command line names is executed: pass --model"
            )
    try:
        option.type_cast_value(click.Context(command), given)
    except click.BadParameter as error:
        raise UsageError(f"{where}: {error.message}") from None
    return given


def _as_given(where: str, option: click.Option, value: Any, folder: Path) -> Any:
    if option.is_flag:
        if not isinstance(value, bool):
            raise _wrong(where, option, value)
        return value
    if option.multiple:
        values = value if isinstance(value, list) else [value]
        return [_word(where, option, one, folder) for one in values]
    if isinstance(value, list):
        if not _takes_list(option):
            raise _wrong(where, option, value)
        return ",".join(_word(where, option, one, folder) for one in value)
    return _word(where, option, value, folder)


def _takes_list(option: click.Option) -> bool:
    """Whether the option's text is a list: words with commas between them."""
    return isinstance(option.type, CommaList) or option.metavar in ("LIST", "R,G,B")


def _word(where: str, option: click.Option, value: Any, folder: Path) -> Any:
    kinds, _ = _kind(option)
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise _wrong(where, option, value)
    if isinstance(option.type, click.Path):
        # From the file's own folder: it is found from the folders below it, too.
        return str(folder / os.path.expanduser(str(value)))
    return str(value) if str in kinds else value


def _kind(option: click.Option) -> tuple[tuple[type, ...], str]:
    return next((as_, words) for kind, as_, words in _KINDS if isinstance(option.type, kind))


def _wrong(where: str, option: click.Option, value: Any) -> UsageError:
    expected = "true or false" if option.is_flag else _kind(option)[1]
    if isinstance(option.type, click.Choice):
        expected = expected.format(", ".join(map(str, option.type.choices)))
    if option.multiple or _takes_list(option):
        expected += " or a list"
    return UsageError(f"{where}: expected {expected}, got {value!r}")
