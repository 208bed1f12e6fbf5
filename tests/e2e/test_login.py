"""`iflow-relay login` with an API key, and `logout`: real processes, in a terminal and without."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.asking import chat
from tests.e2e.command_line import CommandLine
from tests.e2e.conftest import StartRelay
from tests.e2e.keyed_upstream import KeyedUpstream
from tests.e2e.programs import CLI, free_port
from tests.e2e.terminal import CTRL_C, CTRL_D

if sys.platform == "win32":
    pytest.skip("terminals are Unix's", allow_module_level=True)

KEY = "sk-right-0123456789abcdef"
WRONG = "sk-wrong-0123456789abcdef"

COMMENTED = """\
// mine
{
  "theme": "Default", // dark hurts
  "limit": 1.50,
  "nested": {"b": 1, "a": [2, 3]}
}
"""


@pytest.fixture
def upstream() -> Iterator[KeyedUpstream]:
    """An upstream that takes one key."""
    with KeyedUpstream({KEY}) as upstream:
        yield upstream


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    """A home without a settings.json."""
    home = tmp_path / "home"
    home.mkdir()
    return CommandLine(home)


def test_a_key_is_asked_for_without_echo_and_again_after_a_refusal(
    cli: CommandLine, upstream: KeyedUpstream
) -> None:
    """From the first question to the file; neither key is ever shown."""
    with cli.terminal("login") as screen:
        screen.answer("1 or 2 [1]:", "1\n")
        screen.answer("Number, name, or base URL:", f"127.0.0.1:{upstream.port}/v1/models\n")
        screen.answer("API key", f"{WRONG}\n")
        screen.answer("API key", f"  {KEY} \n")
        screen.answer("Default model, if any (glm-4.7, qwen3-coder-plus):", "glm-4.7\n")
        assert screen.wait() == 0
        shown = screen.shown()
    assert KEY not in shown
    assert WRONG not in shown
    assert "http:// put before it, /models taken off its end" in shown
    assert "The key is refused: Incorrect API key provided" in shown
    assert "The key is accepted: 2 models." in shown
    assert f"Logged in to {upstream.base_url} with the key sk-…cdef" in shown
    document = cli.read()
    assert (document["apiKey"], document["baseUrl"]) == (KEY, upstream.base_url)
    assert document["modelName"] == "glm-4.7"
    assert stat.S_IMODE(cli.settings.stat().st_mode) == 0o600


def test_oauth_is_shown_as_unavailable_with_the_reason(cli: CommandLine) -> None:
    """The client secret is not ours to ship; whoever chooses it all the same is told again."""
    with cli.terminal("login") as screen:
        screen.answer("not available. Logging in by OAuth needs the client secret", "2\n")
        assert screen.wait() == 1
        assert "IFLOW_OAUTH_CLIENT_SECRET" in screen.shown()
    assert not cli.settings.exists()


@pytest.mark.parametrize(("key", "status"), [(CTRL_C, 130), (CTRL_D, 1)])
def test_breaking_off_writes_nothing(
    cli: CommandLine, upstream: KeyedUpstream, key: str, status: int
) -> None:
    """At any question; Ctrl-C and the end of the input each have their status."""
    with cli.terminal("login", "--base-url", upstream.base_url) as screen:
        screen.answer("API key", key)
        assert screen.wait() == status
        assert "Nothing was written." in screen.shown()
    with cli.terminal("login") as screen:
        screen.answer("1 or 2 [1]:", key)
        assert screen.wait() == status
    assert not cli.settings.exists()


def test_a_key_is_read_from_standard_input(cli: CommandLine, upstream: KeyedUpstream) -> None:
    """For scripts: nothing is asked, and the result can be had as JSON."""
    words = ("login", "--api-key-stdin", "--base-url", upstream.base_url, "--model", "glm-4.7")
    ran = cli(*words, "--json", stdin=f"{KEY}\r\n")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert (told["ok"], told["key"], told["created"]) == (True, "sk-…cdef", True)
    assert told["check"]["result"] == "accepted"
    assert cli.read()["apiKey"] == KEY
    status = json.loads(cli("status", "--json").out)
    assert status["api_key"]["value"] == "sk-…cdef"
    assert status["base_url"]["value"] == upstream.base_url
    assert KEY not in ran.out + ran.err


REFUSED = {
    "a wrong key": (WRONG, (), "The key is refused: Incorrect API key provided"),
    "an empty key": (" \n", ("--upstream", "deepseek"), "made at https://platform.deepseek.com"),
    "other letters": ("sk-ключ", (), "Letter 4 of the key is not plain ASCII"),
    "two keys": (f"{KEY}\n{KEY}", (), "line ends within"),
    "not UTF-8": ("sk-\udcff", (), "not plain ASCII"),
    "a login in the URL": (KEY, ("--base-url", "https://me:hunter2@h/v1"), "user name or password"),
    "no such upstream": (KEY, ("--upstream", "deepsek"), "Did you mean deepseek?"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_not_written(
    cli: CommandLine, upstream: KeyedUpstream, name: str
) -> None:
    """With a sentence about it, and without the key in it."""
    key, words, sentence = REFUSED[name]
    where = words or ("--base-url", upstream.base_url)
    done = subprocess.run(
        [*CLI, "login", "--api-key-stdin", *where],
        env=cli.environment,
        input=key.encode("utf-8", "surrogateescape"),
        capture_output=True,
        timeout=60,
    )
    shown = (done.stdout + done.stderr).decode()
    assert done.returncode == 1, shown
    assert sentence in shown
    assert key not in shown or not key.strip()
    assert "hunter2" not in shown
    assert not cli.settings.exists()


def test_an_upstream_that_is_not_there_leaves_it_unwritten_unless_told(cli: CommandLine) -> None:
    """`--no-check` writes the key untried, `--yes` although nobody answered."""
    words = ("login", "--api-key-stdin", "--base-url", f"http://127.0.0.1:{free_port()}/v1")
    ran = cli(*words, stdin=KEY)
    assert ran.code == 1
    assert "cannot be reached" in ran.err
    assert "--no-check" in ran.err
    assert not cli.settings.exists()
    for told in ("--no-check", "--yes"):
        assert cli(*words, told, stdin=KEY).code == 0
        assert cli.read()["apiKey"] == KEY
        cli.settings.unlink()


@pytest.mark.parametrize("words", [(), ("--upstream", "deepseek"), ("--yes", "--upstream", "groq")])
def test_without_a_terminal_the_way_to_give_a_key_is_named(
    cli: CommandLine, words: tuple[str, ...]
) -> None:
    """A wrong use, not a failure."""
    ran = cli("login", *words)
    assert ran.code == 2
    assert "--api-key-stdin" in ran.err


def test_a_server_on_this_machine_is_logged_in_to_without_a_key(cli: CommandLine) -> None:
    """There is nothing to ask for."""
    with KeyedUpstream({""}) as open_to_all:
        ran = cli("login", "--base-url", open_to_all.base_url)
    assert ran.code == 0, ran.err
    assert "wants no key" in ran.out
    assert "without a key" in ran.out
    assert "apiKey" not in cli.read()


def test_logout_gives_the_file_back_as_it_was(cli: CommandLine, upstream: KeyedUpstream) -> None:
    """To the byte, comments included; a second one finds nothing."""
    cli.write(COMMENTED)
    assert cli("login", "--api-key-stdin", "--base-url", upstream.base_url, stdin=KEY).code == 0
    assert "// dark hurts" in cli.settings.read_text()
    ran = cli("logout")
    assert ran.code == 0
    assert "apiKey" in ran.out
    assert cli.settings.read_text("utf-8") == COMMENTED
    again = cli("logout")
    assert again.code == 1
    assert "nothing that a login wrote" in again.err


def test_logout_says_what_still_gives_a_key(cli: CommandLine, upstream: KeyedUpstream) -> None:
    """And login, what goes before that which it writes."""
    cli.variables["IFLOW_API_KEY"] = "sk-of-the-environment"
    ran = cli("login", "--api-key-stdin", "--base-url", upstream.base_url, stdin=KEY)
    assert ran.code == 0
    assert "The key of environment IFLOW_API_KEY goes before" in ran.err
    ran = cli("logout")
    assert ran.code == 0
    assert "Environment IFLOW_API_KEY still gives a key." in ran.out
    assert "sk-of-the-environment" not in ran.out


def test_a_damaged_file_is_replaced_after_asking_and_kept(
    cli: CommandLine, upstream: KeyedUpstream
) -> None:
    """No is an answer too; without a terminal it takes `--yes`."""
    cli.write("{ this is no JSON")
    words = ("login", "--api-key-stdin", "--base-url", upstream.base_url)
    ran = cli(*words, stdin=KEY)
    assert ran.code == 1
    assert "--yes" in ran.err
    with cli.terminal("login", "--base-url", upstream.base_url, "--model", "m") as screen:
        screen.answer("Replace it?", "n\n")
        assert screen.wait() == 1
    assert cli.settings.read_text() == "{ this is no JSON"
    with cli.terminal("login", "--base-url", upstream.base_url, "--model", "m") as screen:
        screen.answer("Replace it?", "y\n")
        screen.answer("API key", f"{KEY}\n")
        assert screen.wait() == 0
        assert "What was there before is kept in" in screen.shown()
    assert cli.read()["apiKey"] == KEY
    kept = [path for path in cli.settings.parent.iterdir() if "this is no JSON" in read(path)]
    assert len(kept) == 1


def read(path: Path) -> str:
    """A file's text, whatever it is."""
    return path.read_text("utf-8", "replace") if path.is_file() else ""


def test_a_link_is_said_before_it_is_written_through(
    cli: CommandLine, upstream: KeyedUpstream, tmp_path: Path
) -> None:
    """It stays a link, and the file that it leads to is written."""
    real = tmp_path / "dotfiles" / "settings.json"
    real.parent.mkdir()
    real.write_text('{"theme": "x"}')
    cli.settings.parent.mkdir()
    cli.settings.symlink_to(real)
    words = ("login", "--base-url", upstream.base_url, "--model", "m")
    with cli.terminal(*words) as screen:
        screen.answer("is a link", "n\n")
        assert screen.wait() == 1
    assert real.read_text() == '{"theme": "x"}'
    with cli.terminal(*words) as screen:
        screen.answer("is a link", "\n")
        screen.answer("API key", f"{KEY}\n")
        assert screen.wait() == 0
    assert cli.settings.is_symlink()
    assert json.loads(real.read_text())["apiKey"] == KEY


READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
"""Makes the folder that comes first read-only for the program that follows."""


def test_a_home_that_is_read_only_is_said_to_be(cli: CommandLine, upstream: KeyedUpstream) -> None:
    """In one sentence; also for root, whom modes do not stop."""
    unshare = shutil.which("unshare")
    space = [unshare or "", "--mount", *([] if os.getuid() == 0 else ["--map-root-user"])]
    inside = [*space, "sh", "-c", READ_ONLY, str(cli.home)]
    if not unshare or subprocess.run([*inside, "true"], capture_output=True).returncode:
        pytest.skip("no mount namespace can be had here")
    words = ("login", "--api-key-stdin", "--base-url", upstream.base_url)
    done = subprocess.run(
        [*inside, *CLI, *words],
        env=cli.environment | {"PYTHONDONTWRITEBYTECODE": "1"},
        input=KEY,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "read-only" in done.stderr.lower()
    assert not cli.settings.exists()


def test_a_relay_that_runs_uses_the_new_key_at_once(
    start_relay: StartRelay, upstream: KeyedUpstream
) -> None:
    """No restart, and after the logout it has none."""
    relay = start_relay(settings=None)
    cli = CommandLine(relay.home)
    with relay.client() as client:
        assert chat(client, model="glm-4.7").status == 401
    assert cli("login", "--api-key-stdin", "--base-url", upstream.base_url, stdin=KEY).code == 0
    with relay.client() as client:
        assert chat(client, model="glm-4.7").status == 200
    assert cli("logout").code == 0
    with relay.client() as client:
        assert chat(client, model="glm-4.7").status == 401
    relay.check_log(secrets=[KEY])


def test_the_upstreams_that_have_names_are_listed(cli: CommandLine) -> None:
    """As a table, and for programs."""
    assert "deepseek" in cli("login", "--list").out
    found = json.loads(cli("login", "--upstream", "list", "--json").out)
    assert {"ollama", "openrouter"} <= {known["name"] for known in found}
