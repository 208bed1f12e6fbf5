"""`iflow-relay login --oauth` against a login service on real sockets, with and without browser."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.e2e.asking import chat
from tests.e2e.command_line import CommandLine
from tests.e2e.conftest import StartRelay
from tests.e2e.keyed_upstream import KeyedUpstream
from tests.e2e.logins import service as service
from tests.e2e.logins import upstream as upstream
from tests.e2e.oauth_service import OAuthService, follow, read_query, with_query
from tests.e2e.programs import CLI, Program
from tests.e2e.terminal import CTRL_C

if sys.platform == "win32":
    pytest.skip("terminals are Unix's", allow_module_level=True)

NO_BROWSER = {"BROWSER": "", "DISPLAY": "", "WAYLAND_DISPLAY": ""}
ORIGINAL = '// mine\n{\n  "theme": "Default" // dark hurts\n}\n'


@pytest.fixture
def cli(tmp_path: Path, service: OAuthService) -> CommandLine:
    """A home without a settings.json, whose commands know the login service."""
    home = tmp_path / "home"
    home.mkdir()
    return CommandLine(home, **service.environment, **NO_BROWSER)


def use_browser(cli: CommandLine, button: str) -> Path:
    """Have a browser that presses this button; returns where it notes the last page."""
    notes = cli.home.parent / "page"
    script = Path(__file__).with_name("pressing.py")
    cli.variables["BROWSER"] = f"{sys.executable} {script} {button} {notes} %s"
    return notes


class Waiting(Program):
    """A login that waits for its browser."""

    @property
    def url(self) -> str:
        """The page that it wants opened."""
        self.wait_for("state=")
        found = re.search(r"http://\S+/oauth\?\S+", self.log())
        assert found, self.log()
        return found[0]


@contextmanager
def waiting(cli: CommandLine, *words: str) -> Iterator[Waiting]:
    """A login without a browser, ended with the block."""
    program = Waiting([*CLI, "login", "--oauth", *words], cli.environment, cli.home.parent / "log")
    try:
        yield program
    finally:
        program.stop()


def test_the_browser_leads_to_a_key_that_serves(
    cli: CommandLine, service: OAuthService, upstream: KeyedUpstream
) -> None:
    """The page says that the tab can be closed, the file has what renews the key, and no more."""
    notes = use_browser(cli, "agree")
    ran = cli("login", "--oauth", "--base-url", upstream.base_url, "--model", "glm-4.7")
    assert ran.code == 0, ran.err
    assert f"to {upstream.base_url} with the key sk-…{service.key[-4:]}" in ran.out
    assert "so…@example.com" in ran.out
    document = cli.read()
    assert document["selectedAuthType"] == "oauth-iflow"
    assert document["apiKey"] == document["searchApiKey"] == service.key
    assert document["oauth_refresh_token"] in service.refresh_tokens
    assert document["modelName"] == "glm-4.7"
    for secret in (service.key, service.secret, document["oauth_refresh_token"]):
        assert secret not in ran.out + ran.err
    assert "close" in notes.read_text("utf-8")
    status = json.loads(cli("status", "--json").out)
    assert status["ok"]


def test_whoever_says_no_has_not_logged_in(cli: CommandLine) -> None:
    """Nothing is written, and the page says it too."""
    notes = use_browser(cli, "deny")
    ran = cli("login", "--oauth")
    assert ran.code == 1
    assert "Error: The login was denied" in ran.err
    assert "denied" in notes.read_text("utf-8")
    assert not cli.settings.exists()


def test_without_a_browser_the_address_is_printed(cli: CommandLine, service: OAuthService) -> None:
    """And opened by hand; a callback with a foreign state, or none, changes nothing."""
    with waiting(cli) as login:
        login.wait_for("There is no browser here")
        back = service.authorize(login.url)
        for wrong in (with_query(back, state="x"), with_query(back, state=None)):
            status, _ = follow(wrong)
            assert status == 400
        status, page = follow(back, **{"accept-language": "zh-CN"})
        assert (status, "关闭" in page) == (200, True)
        assert login.wait() == 0, login.log()
    assert cli.read()["apiKey"] == service.key


def test_a_callback_port_that_is_taken_is_no_matter(
    cli: CommandLine, service: OAuthService
) -> None:
    """The next free one is used."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Somebody else may have it: that is as good.
        with suppress(OSError):
            taken.bind(("127.0.0.1", 11451))
            taken.listen()
        with waiting(cli) as login:
            redirect = urlsplit(read_query(login.url)["redirect"])
            assert redirect.port in range(11452, 11501)
            follow(service.authorize(login.url))
            assert login.wait() == 0, login.log()


def test_an_address_is_pasted_where_the_browser_is_elsewhere(
    cli: CommandLine, service: OAuthService
) -> None:
    """In a terminal."""
    with cli.terminal("login", "--oauth", "--no-browser") as screen:
        screen.wait_for("Its address:")
        screen.type(f"{authorize(service, screen.shown())}\n")
        assert screen.wait() == 0, screen.shown()
    assert cli.read()["apiKey"] == service.key


def authorize(service: OAuthService, shown: str) -> str:
    """Where the page leads whose address is shown."""
    found = re.search(r"http://\S+/oauth\?\S+", shown)
    assert found, shown
    return service.authorize(found[0])


PASTED: dict[str, tuple[dict[str, str | None], str]] = {
    "a foreign state": ({"state": "x"}, "Error: "),
    "no state": ({"state": None}, "Error: "),
    "no": ({"error": "access_denied", "code": None}, "Error: "),
    "no code": ({"code": None}, "Error: "),
    "a code that is none": ({"code": "made-up"}, "did not take the code"),
}


@pytest.mark.parametrize("name", PASTED)
def test_what_is_pasted_wrong_writes_nothing(
    cli: CommandLine, service: OAuthService, name: str
) -> None:
    """A sentence says what it was; by a pipe as in a terminal."""
    changes, sentence = PASTED[name]
    process = subprocess.Popen(
        [*CLI, "login", "--oauth", "--no-browser"],
        env=cli.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        shown = ""
        while "Copy that" not in shown:
            shown += process.stdout.readline()
        process.stdin.write(with_query(authorize(service, shown), **changes) + "\n")
        process.stdin.close()
        told = process.stderr.read()
    assert process.returncode == 1
    assert sentence in told
    assert "Traceback" not in told
    assert not cli.settings.exists()


@pytest.mark.parametrize(
    ("fault", "words"),
    [("invalid_client", "client secret"), ("down", "login service"), ("success_false", "too many")],
)
def test_a_service_that_gives_nothing_is_said_to(
    cli: CommandLine, service: OAuthService, fault: str, words: str
) -> None:
    """The old file stays as it was."""
    cli.write(ORIGINAL)
    service.behave(fault=fault)
    use_browser(cli, "agree")
    ran = cli("login", "--oauth", "--json")
    told = json.loads(ran.out)
    assert (ran.code, told["ok"]) == (1, False)
    assert words in told["problem"]
    assert service.secret not in ran.out + ran.err
    assert cli.settings.read_text() == ORIGINAL


def test_without_a_client_secret_the_reason_is_told(cli: CommandLine) -> None:
    """And how to give one."""
    del cli.variables["IFLOW_OAUTH_CLIENT_SECRET"]
    ran = cli("login", "--oauth")
    assert ran.code == 1
    assert "IFLOW_OAUTH_CLIENT_SECRET" in ran.err


@pytest.mark.parametrize("words", [("--api-key-stdin",), ("--upstream", "groq")])
def test_what_goes_with_a_key_does_not_go_with_oauth(
    cli: CommandLine, words: tuple[str, ...]
) -> None:
    """Nor `--no-browser` without it."""
    assert cli("login", "--oauth", *words).code == 2
    assert cli("login", "--no-browser").code == 2


def test_ctrl_c_ends_the_waiting(cli: CommandLine) -> None:
    """Nothing was written, as it says."""
    with cli.terminal("login", "--oauth") as screen:
        screen.answer("no browser here", CTRL_C)
        assert screen.wait() == 130
        assert "Nothing was written." in screen.shown()
    assert not cli.settings.exists()


def test_logout_gives_the_file_back_as_it_was(cli: CommandLine, service: OAuthService) -> None:
    """Tokens and all."""
    cli.write(ORIGINAL)
    use_browser(cli, "agree")
    assert cli("login", "--oauth").code == 0
    assert service.key in cli.settings.read_text()
    ran = cli("logout", "--json")
    assert {"apiKey", "oauth_refresh_token"} <= set(json.loads(ran.out)["removed"])
    assert cli.settings.read_text("utf-8") == ORIGINAL


def test_a_relay_that_runs_uses_the_new_key_at_once(
    start_relay: StartRelay, cli: CommandLine, service: OAuthService, upstream: KeyedUpstream
) -> None:
    """No restart."""
    relay = start_relay(settings=None, environment=service.environment)
    there = CommandLine(relay.home, **cli.variables)
    use_browser(there, "agree")
    assert there("login", "--oauth", "--base-url", upstream.base_url).code == 0
    with relay.client() as client:
        assert chat(client, model="glm-4.7").status == 200
    relay.check_log(secrets=[service.key, service.secret])
