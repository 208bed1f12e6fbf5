"""Setting and unsetting variables in the words of each shell."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Final, NamedTuple


class Shell(NamedTuple):
    """How a shell sets a variable, and how it unsets one."""

    set: Callable[[str, str], str]
    unset: Callable[[str], str]


def _quote_for_fish(value: str) -> str:
    # Between single quotes only these two are special (fish's manual, "Quotes").
    return "'" + re.sub(r"([\\'])", r"\\\1", value) + "'"


def _quote_for_powershell(value: str) -> str:
    # PowerShell takes the typographic quotes for the plain one (about_Quoting_Rules).
    return "'" + re.sub("(['\u2018\u2019\u201a\u201b])", r"\1\1", value) + "'"


SHELLS: Final[Mapping[str, Shell]] = {
    "sh": Shell(
        lambda name, value: f"export {name}={shlex.quote(value)}",
        lambda name: f"unset {name}",
    ),
    "fish": Shell(
        lambda name, value: f"set -gx {name} {_quote_for_fish(value)}",
        lambda name: f"set -ge {name}",
    ),
    "powershell": Shell(
        lambda name, value: f"$env:{name} = {_quote_for_powershell(value)}",
        lambda name: f"Remove-Item Env:{name} -ErrorAction SilentlyContinue",
    ),
    # Read by `for /f`, which takes a line as it stands: cmd expands no % in what a loop variable
    # gave, and `set` takes all up to the last quote.
    "cmd": Shell(lambda name, value: f'set "{name}={value}"', lambda name: f'set "{name}="'),
}

LIKE_SH: Final = ("sh", "ash", "bash", "busybox", "dash", "ksh", "mksh", "zsh")


def render_changes(shell: str, changes: Mapping[str, str | None]) -> str:
    """One line a variable, to be run by the shell; None unsets it.

    Raises ValueError for a value that no line can hold.
    """
    words = SHELLS[shell]
    lines = [
        words.unset(name) if value is None else words.set(name, _check(name, value))
        for name, value in changes.items()
    ]
    return "".join(f"{line}\n" for line in lines)


def guess_shell(environ: Mapping[str, str], *, windows: bool) -> str:
    """The shell that somebody most likely types into; raises ValueError for a strange one."""
    name = PurePath(environ.get("SHELL", "").replace("\\", "/")).name.removesuffix(".exe")
    if not name:
        # PROMPT is cmd's own; Unix without SHELL is some bare sh.
        return ("cmd" if "PROMPT" in environ else "powershell") if windows else "sh"
    if name in LIKE_SH:
        return "sh"
    known = {"fish": "fish", "pwsh": "powershell", "powershell": "powershell"}
    if name not in known:
        choices = ", ".join(SHELLS)
        raise ValueError(f"SHELL is {name}, which is not known here: name one of {choices}")
    return known[name]


def _check(name: str, value: str) -> str:
    if any(character in value for character in "\n\r\0"):
        raise ValueError(f"{name} holds a line break, which cannot be put back: unset it first")
    return value
