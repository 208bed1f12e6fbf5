"""`iflow-relay env`: lines that send a shell's programs through the relay, and back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.commands.running import ADDON, Running

pytestmark = pytest.mark.skipif(not shutil.which("sh"), reason="there is no sh to run the lines")

RELAY = f"'{sys.executable}' -m iflow_relay"
TELL = f"'{sys.executable}' -c 'import json, os; print(json.dumps(dict(os.environ)))'"

Result = subprocess.CompletedProcess[str]


def shell(run: Running, script: str, **variables: str) -> Result:
    """What comes of a script in a shell."""
    environ = run.environment({"PYTHONPATH": str(ADDON), "SHELL": "/bin/sh", **variables})
    return subprocess.run(["sh", "-c", script], env=environ, capture_output=True, text=True)


def told(result: Result) -> list[dict[str, str]]:
    """The environments that a script has told, without what a shell changes by itself."""
    own = ("_", "SHLVL", "PWD", "OLDPWD", "LC_CTYPE")
    found = [json.loads(line) for line in result.stdout.splitlines()]
    return [{n: v for n, v in environ.items() if n not in own} for environ in found]


def test_without_a_relay_the_message_says_what_to_start(run: Running) -> None:
    """Nothing is printed that a shell would run."""
    result = shell(run, f"{RELAY} env")
    assert (result.returncode, result.stdout) == (1, "")
    assert "No relay with a proxy is running: start `iflow-relay intercept`" in result.stderr


def test_a_shell_is_pointed_at_the_relay_and_back(run: Running, there: str) -> None:
    """All that was set before is there again, whatever it looks like."""
    odd = {"HTTPS_PROXY": "http://u:p%40'\"$x@corp:3128", "NO_PROXY": "a b,\\c", "no_proxy": ""}
    script = f'{TELL}; eval "$({RELAY} env)"; {TELL}; eval "$({RELAY} env --unset)"; {TELL}'
    result = shell(run, script, **odd)
    before, inside, after = told(result)
    assert result.stderr == ""
    assert inside["HTTPS_PROXY"] == inside["all_proxy"] == there
    assert inside["NO_PROXY"] == "a,b,\\c,localhost,127.0.0.1,::1"
    assert inside["IFLOW_RELAY_OLD_HTTPS_PROXY"] == odd["HTTPS_PROXY"]
    assert after == before


def test_twice_is_as_once(run: Running, there: str) -> None:
    """The relay's own address is never what is put back."""
    once = f'eval "$({RELAY} env)"; {TELL}'
    result = shell(run, f'{once}; {once}; eval "$({RELAY} env --unset)"; {TELL}', ALL_PROXY="x:1")
    first, second, after = told(result)
    assert first == second
    assert after["ALL_PROXY"] == "x:1"
    assert "HTTPS_PROXY" not in after


def test_the_bundles_lie_in_the_cache(run: Running, there: str, home: Path) -> None:
    """They outlive the command, and hold the relay's certificate."""
    (inside,) = told(shell(run, f'eval "$({RELAY} env)"; {TELL}'))
    bundle = Path(inside["SSL_CERT_FILE"])
    assert bundle.parent == home / "xdg_cache_home" / "iflow-relay" / "bundles"
    assert "b3Vycw==" in bundle.read_text()
    assert inside["DENO_CERT"] == str(run.folder / "conf" / "mitmproxy-ca-cert.pem")


def test_what_is_odd_goes_to_stderr(run: Running, there: str) -> None:
    """Where `eval` does not see it."""
    result = shell(run, f'eval "$({RELAY} env)"; {TELL}', NO_PROXY="*")
    (inside,) = told(result)
    assert inside["NO_PROXY"] == "localhost,127.0.0.1,::1"
    assert "NO_PROXY is used without *" in result.stderr


def test_nothing_to_take_back_is_said(run: Running) -> None:
    """It is no failure: a script may take back without asking."""
    result = shell(run, f"{RELAY} env --unset")
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == "iflow-relay: this shell has nothing of the relay's to take back\n"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("sh", "export NODE_USE_ENV_PROXY=1\n"),
        ("fish", "set -gx NODE_USE_ENV_PROXY '1'\n"),
        ("powershell", "$env:NODE_USE_ENV_PROXY = '1'\n"),
        ("cmd", 'set "NODE_USE_ENV_PROXY=1"\n'),
    ],
)
def test_the_shell_may_be_named(run: Running, there: str, name: str, line: str) -> None:
    """Over the one that SHELL tells."""
    result = shell(run, f"{RELAY} env --shell {name}", SHELL="/bin/tcsh")
    assert (result.returncode, result.stderr) == (0, "")
    assert line in result.stdout


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({"SHELL": "/bin/tcsh"}, "SHELL is tcsh"),
        ({"NO_PROXY": "a\nb", "HTTPS_PROXY": "x\ny"}, "HTTPS_PROXY holds a line break"),
    ],
)
def test_what_cannot_be_printed_is_refused(
    run: Running, there: str, variables: dict[str, str], why: str
) -> None:
    """Nothing is printed that does half of it."""
    result = shell(run, f"{RELAY} env", **variables)
    assert (result.returncode, result.stdout) == (1, "")
    assert why in result.stderr


@pytest.mark.skipif(os.name != "posix", reason="values are text on Windows")
def test_a_value_in_another_encoding_is_kept(run: Running, there: str) -> None:
    """Values are bytes on Unix."""
    odd = os.fsdecode(b"caf\xe9")
    script = f'eval "$({RELAY} env)"; eval "$({RELAY} env --unset)"; {TELL}'
    (after,) = told(shell(run, script, NO_PROXY=odd))
    assert after["NO_PROXY"] == odd
