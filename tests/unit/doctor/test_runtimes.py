"""Programs of this machine, found out about by running them."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.unit.doctor.reading import statuses
from tests.unit.doctor.test_relays import relay
from tests.unit.trust.authorities import lay_down, make_certificate, make_key, render_key

from iflow_relay.doctor import trial
from iflow_relay.doctor.programs import ABSENT, PROGRAMS, Gap, Program, reads_proxy
from iflow_relay.doctor.runtimes import INSTALL, TRUST, check_runtimes, judge, make_server
from iflow_relay.doctor.trial import Heard, try_program, without_proxies
from iflow_relay.doctor.verdict import Verdict
from iflow_relay.environment import VARIABLES
from iflow_relay.mitm.authority import load_authority
from iflow_relay.mitm.leaf import make_leaf
from iflow_relay.trust.authority import Authority, read_authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One as mitmproxy makes it."""
    return load_authority(tmp_path_factory.mktemp("conf"))


NAMES_STORE = ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO")


def environment(**more: str) -> dict[str, str]:
    """The test's own, without anything that says what is to be trusted."""
    gone = {*VARIABLES, "SSL_CERT_DIR"}
    return {name: value for name, value in os.environ.items() if name not in gone} | more


def check(
    authority: Authority, environ: Mapping[str, str], folder: Path, *programs: Program
) -> dict[str, Verdict]:
    """The verdicts by name, without that on the shell."""
    _, *found = check_runtimes(environ, (), authority, make_leaf, folder, programs or PROGRAMS)
    return {verdict.name: verdict for verdict in found}


def script(code: str, name: str = "x") -> Program:
    """A program that runs the code."""
    return Program(name, (sys.executable,), ("-c", f"import sys\n{code}"), by_system=True)


@pytest.mark.parametrize("program", [p for p in PROGRAMS if p.name != "git"], ids=lambda p: p.name)
def test_a_program_of_this_machine_is_asked(
    authority: Authority, tmp_path: Path, program: Program
) -> None:
    """With nothing said it does not trust the certificate; told to, it does."""
    if not any(map(shutil.which, program.names)):
        pytest.skip(f"{program.names[0]} is not installed")
    found = check(authority, environment(), tmp_path, program)
    if not found:
        pytest.skip(f"{program.name} is not installed")
    assert "does not trust" in found[program.name].found
    certificate = str(authority.certificate)
    trusting = environment(**dict.fromkeys((*NAMES_STORE, "NODE_EXTRA_CA_CERTS"), certificate))
    told = check(authority, trusting, tmp_path, program)[program.name]
    assert told.found.startswith("trusts the relay's certificate"), told


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
def test_git_is_asked_without_asking_anybody(authority: Authority, tmp_path: Path) -> None:
    """What it fetches is no repository, and that is not what counts."""
    git = next(program for program in PROGRAMS if program.name == "git")
    told = environment(GIT_SSL_CAINFO=str(authority.certificate))
    assert statuses(check(authority, told, tmp_path, git).values()) == [("git", "ok")]
    assert statuses(check(authority, environment(), tmp_path, git).values()) == [("git", "warning")]


FETCH = "import urllib.request; urllib.request.urlopen(sys.argv[1]).read()"


def test_what_is_not_there_is_left_out(authority: Authority, tmp_path: Path) -> None:
    """A program, and a library."""
    assert check(authority, environment(PATH=str(tmp_path)), tmp_path) == {}
    assert check(authority, environment(), tmp_path, script(f"sys.exit({ABSENT})")) == {}


def test_a_program_that_fetches_nothing_is_told(authority: Authority, tmp_path: Path) -> None:
    """In its own last words."""
    broken = script("sys.exit('Traceback:\\n  no network')")
    verdict = check(authority, environment(), tmp_path, broken)["x"]
    assert str(verdict.status) == "skipped"
    assert verdict.found == f"{sys.executable} fetched nothing: no network"
    silent = check(authority, environment(), tmp_path, script("sys.exit(3)"))["x"]
    assert silent.found.endswith("it ended with status 3")


def test_a_program_that_does_not_end_is_given_up(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it did until then counts."""
    monkeypatch.setattr(trial, "PATIENCE", 0.2)
    sleepy = script("import time; time.sleep(60)")
    verdict = check(authority, environment(), tmp_path, sleepy)["x"]
    assert verdict.found.endswith("it did not end in time")


def test_one_that_cannot_be_run_is_told(authority: Authority, tmp_path: Path) -> None:
    """It is there, and is no program."""
    context = make_server(authority.folder, make_leaf, tmp_path)
    (tmp_path / "empty").touch(0o755)
    tried = try_program([str(tmp_path / "empty")], environment(), context)
    assert (tried.status, tried.heard) == (None, Heard.NOTHING)
    assert tried.err


def test_no_key_is_written_anywhere(authority: Authority, tmp_path: Path) -> None:
    """The certificate is, for the time of the check."""
    make_server(authority.folder, make_leaf, tmp_path)
    assert [b"PRIVATE KEY" in path.read_bytes() for path in tmp_path.iterdir()] == [False]


def test_without_a_good_authority_nothing_is_tried(tmp_path: Path) -> None:
    """Nor where its key has a passphrase."""
    found = check_runtimes({}, (), None, make_leaf, tmp_path)
    assert statuses(found) == [("HTTPS_PROXY", "ok"), ("programs", "skipped")]
    key = make_key()
    lay_down(tmp_path, render_key(key, b"secret"), make_certificate(key))
    locked = read_authority(tmp_path)
    verdict = check(locked, {}, tmp_path)["programs"]
    assert verdict.found == "not tried: The authority's key has a passphrase"


def test_the_proxy_of_the_shell_is_no_part_of_the_trial() -> None:
    """What is fetched is on this machine."""
    left = without_proxies({"HTTPS_PROXY": "x", "all_proxy": "x", "NO_PROXY": "y", "PATH": "z"})
    assert {name: left.get(name) for name in ("HTTPS_PROXY", "all_proxy", "NO_PROXY", "PATH")} == {
        "HTTPS_PROXY": None,
        "all_proxy": None,
        "NO_PROXY": "*",
        "PATH": "z",
    }


def test_programs_of_a_shell_at_a_relay_go_through_it(authority: Authority, tmp_path: Path) -> None:
    """Where they trust it; else their calls fail."""
    with relay() as server:
        environ = environment(HTTPS_PROXY=f"http://127.0.0.1:{server.port}")
        refused = check(authority, environ, tmp_path, script(FETCH))["x"]
        environ["SSL_CERT_FILE"] = str(authority.certificate)
        through = check(authority, environ, tmp_path, script(FETCH))["x"]
    assert refused.found.endswith(": its calls through the relay fail")
    assert through.found.endswith(", and goes through the relay")


CURL = next(program for program in PROGRAMS if program.name == "curl")
NODE = next(program for program in PROGRAMS if program.name == "Node")
GAP = Gap("it is old", "update it")


@pytest.mark.parametrize(
    ("program", "gap", "trusts", "status", "advice"),
    [
        (CURL, None, True, "ok", ""),
        (CURL, None, False, "warning", INSTALL),
        (NODE, None, False, "warning", TRUST),
        (NODE, GAP, True, "warning", "update it"),
        (NODE, GAP, False, "warning", f"{TRUST}; update it"),
    ],
)
def test_the_advice_is_what_helps_that_program(
    program: Program, gap: Gap | None, trusts: bool, status: str, advice: str
) -> None:
    """The system's store does not help those that have one of their own."""
    verdict = judge(program, gap, trusts=trusts, through_relay=False)
    assert (str(verdict.status), verdict.advice) == (status, advice)


@pytest.mark.parametrize(
    ("version", "reads"),
    [
        ("18.20.0", False),
        ("22.20.0", False),
        ("22.21.0", True),
        ("v22.21.1", True),
        ("23.11.0", False),
        ("24.4.1", False),
        ("24.5.0", True),
        ("25.0.0", True),
        ("", False),
        ("x", False),
    ],
)
def test_which_versions_of_node_take_a_proxy(version: str, reads: bool) -> None:
    """And they do so only where NODE_USE_ENV_PROXY=1 is set."""
    assert reads_proxy(version) is reads
    gap = NODE.find_gap(version, {"NODE_USE_ENV_PROXY": "1"})
    assert (gap is None) is reads
    assert NODE.find_gap(version, {}) is not None
    assert CURL.find_gap(version, {}) is None
