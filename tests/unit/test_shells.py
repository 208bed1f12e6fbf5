"""Lines that set and unset variables, run by the shells themselves where they are installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from iflow_relay.shells import SHELLS, guess_shell, render_changes

ODD = {
    "plain": "http://127.0.0.1:8080",
    "blank": " a  b ",
    "empty": "",
    "single": "it's 'so'",
    "double": 'a "b" c',
    "dollar": "$HOME ${HOME} $(false) `false`",
    "percent": "http://u:p%40ss@h %PATH% %%",
    "backslash": r"C:\new\table\ ",
    "special": "a&b|c<d>e^f;g!h*i?j~#k(l)[m]{n}=",
    "typographic": "\u2018a\u2019 \u201ab\u201b",
    "letters": "Größe 汉字",
}
PRINT = "import json, os, sys; sys.stdout.write(json.dumps(dict(os.environ)))"

PROGRAMS = {
    "sh": ("sh", ["-c"]),
    "dash": ("sh", ["-c"]),
    "bash": ("sh", ["--norc", "-c"]),
    "zsh": ("sh", ["-f", "-c"]),
    "fish": ("fish", ["--no-config", "-c"]),
    "pwsh": ("powershell", ["-NoProfile", "-Command"]),
}


def run_lines(program: str, lines: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment that a shell hands on once it has run the lines."""
    found = shutil.which(program)
    if not found:
        pytest.skip(f"{program} is not installed")
    call = "& " if program == "pwsh" else ""
    script = f"{lines}\n{call}'{sys.executable}' -c '{PRINT}'"
    out = subprocess.check_output(
        [found, *PROGRAMS[program][1], script],
        env={"PATH": os.environ["PATH"], "PYTHONUTF8": "1", **environ},
        text=True,
        encoding="utf-8",
    )
    made: dict[str, str] = json.loads(out)
    return made


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_shell_reads_each_value_as_it_was(program: str) -> None:
    """Nothing in a value means anything to the shell."""
    values: dict[str, str | None] = {f"X_{name}": value for name, value in ODD.items()}
    if program == "pwsh":
        del values["X_empty"]  # which means unset there
    made = run_lines(program, render_changes(PROGRAMS[program][0], values), {"HOME": "/h"})
    assert {name: made.get(name) for name in values} == values


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_shell_unsets(program: str) -> None:
    """What is not set is no error either."""
    lines = render_changes(PROGRAMS[program][0], {"X_OLD": None, "X_NONE": None, "X_NEW": "1"})
    made = run_lines(program, lines, {"X_OLD": "0", "HOME": "/h"})
    assert {name for name in made if name.startswith("X_")} == {"X_NEW"}


@pytest.mark.skipif(not shutil.which("sh"), reason="there is no sh")
def test_eval_reads_the_lines(tmp_path: Path) -> None:
    """As the help says: the lines come out of a substitution."""
    lines = tmp_path / "lines"
    lines.write_text(render_changes("sh", {"X_A": ODD["dollar"], "X_B": ODD["single"]}))
    made = run_lines("sh", f'eval "$(cat {lines})"', {"HOME": "/h"})
    assert (made["X_A"], made["X_B"]) == (ODD["dollar"], ODD["single"])


@pytest.mark.parametrize(
    ("shell", "lines"),
    [
        ("sh", "export A='it'\"'\"'s $x'\nunset B\n"),
        ("fish", "set -gx A 'it\\'s $x'\nset -ge B\n"),
        (
            "powershell",
            "$env:A = 'it''s $x'\nRemove-Item Env:B -ErrorAction SilentlyContinue\n",
        ),
        ("cmd", 'set "A=it\'s $x"\nset "B="\n'),
    ],
)
def test_each_shell_has_its_words(shell: str, lines: str) -> None:
    """Shown once, for the shells that are not installed."""
    assert render_changes(shell, {"A": "it's $x", "B": None}) == lines


def test_powershell_takes_typographic_quotes_for_plain_ones() -> None:
    """So they are doubled as well."""
    rendered = render_changes("powershell", {"A": "\u2018\u2019\u201a\u201b'"})
    assert rendered == "$env:A = '\u2018\u2018\u2019\u2019\u201a\u201a\u201b\u201b'''\n"


def test_cmd_is_given_a_line_that_a_loop_reads() -> None:
    """`for /f` hands it on as it is, so nothing is doubled."""
    assert render_changes("cmd", {"A": 'p%40 "q" a&b'}) == 'set "A=p%40 "q" a&b"\n'


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\0b"])
def test_a_line_break_is_refused(shell: str, value: str) -> None:
    """It would end the line; the message names the variable."""
    with pytest.raises(ValueError, match="NO_PROXY holds a line break"):
        render_changes(shell, {"NO_PROXY": value})


@pytest.mark.parametrize(
    ("environ", "windows", "shell"),
    [
        ({"SHELL": "/bin/bash"}, False, "sh"),
        ({"SHELL": "/usr/bin/zsh"}, False, "sh"),
        ({"SHELL": "/bin/dash"}, False, "sh"),
        ({"SHELL": "/usr/local/bin/fish"}, False, "fish"),
        ({"SHELL": "/opt/pwsh"}, False, "powershell"),
        ({}, False, "sh"),
        ({}, True, "powershell"),
        ({"PROMPT": "$P$G"}, True, "cmd"),
        ({"SHELL": r"C:\Program Files\Git\usr\bin\bash.exe"}, True, "sh"),
    ],
)
def test_the_shell_is_guessed(environ: dict[str, str], windows: bool, shell: str) -> None:
    """By SHELL, else by the system."""
    assert guess_shell(environ, windows=windows) == shell


def test_a_strange_shell_is_not_guessed() -> None:
    """Lines for another one would do something else, or nothing."""
    with pytest.raises(ValueError, match=r"SHELL is tcsh.*sh, fish, powershell, cmd"):
        guess_shell({"SHELL": "/bin/tcsh"}, windows=False)
