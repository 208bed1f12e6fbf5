"""`iflow-relay run`: a relay beside one program, and nothing of it afterwards."""

from __future__ import annotations

import json
import sys

import pytest
from tests.unit.commands.running import Running, python, wait_until

ENVIRON = python("import json, os; print(json.dumps(dict(os.environ)))")


def test_the_program_is_pointed_at_a_relay_of_its_own(run: Running) -> None:
    """The relay is gone with it, and so are the files."""
    code, out, err = run(*ENVIRON)
    made = json.loads(out)
    assert (code, err) == (0, "")
    assert made["https_proxy"] == made["ALL_PROXY"] == "http://127.0.0.1:2"
    assert made["NO_PROXY"] == "localhost,127.0.0.1,::1"
    assert made["SSL_CERT_FILE"].startswith(str(run.folder / "tmp"))
    assert made["NODE_EXTRA_CA_CERTS"] == str(run.folder / "conf" / "mitmproxy-ca-cert.pem")
    assert run.relay["arguments"] == []
    assert run.ending() == "stdin"
    assert run.left_over() == []


def test_the_files_hold_what_was_trusted_and_the_relays(run: Running) -> None:
    """While the program runs."""
    ask = python("import os; print(open(os.environ['GIT_SSL_CAINFO']).read())")
    corp = run.folder / "corp.pem"
    corp.write_text("-----BEGIN CERTIFICATE-----\nY29ycA==\n-----END CERTIFICATE-----\n")
    out = run(*ask, GIT_SSL_CAINFO=str(corp)).out
    assert "Y29ycA==" in out
    assert "b3Vycw==" in out


def test_the_exit_code_and_the_streams_are_the_programs(run: Running) -> None:
    """Nothing is added to them."""
    swap = "import sys; print(sys.stdin.read()); print('e', file=sys.stderr); raise SystemExit(9)"
    assert run(*python(swap), stdin="in") == (9, "in\n", "e\n")


def test_arguments_are_the_programs_own(run: Running) -> None:
    """With `--` or without, whatever they look like."""
    ask = "import sys; print(sys.argv[1:])"
    words = ("--new", "-v", "--", "x y", "--help")
    assert run("--", sys.executable, "-c", ask, *words).out == f"{list(words)}\n"
    assert run(sys.executable, "-c", ask, *words).out == f"{list(words)}\n"


def test_the_relay_gets_the_environment_of_before(run: Running) -> None:
    """So that it can go on through the proxy that was set; of an older `env` nothing is left."""
    before = {
        "HTTPS_PROXY": "http://127.0.0.1:9999",
        "IFLOW_RELAY_SET": "HTTPS_PROXY,ALL_PROXY",
        "IFLOW_RELAY_OLD_HTTPS_PROXY": "http://corp:3128",
        "ALL_PROXY": "http://127.0.0.1:9999",
    }
    made = json.loads(run(*ENVIRON, patience=30, **before).out)
    assert run.relay["environ"]["HTTPS_PROXY"] == "http://corp:3128"
    assert "ALL_PROXY" not in run.relay["environ"]
    assert made["HTTPS_PROXY"] == "http://127.0.0.1:2"
    assert not any(name.startswith("IFLOW_RELAY_") for name in made)


def test_what_the_relay_is_told(run: Running) -> None:
    """Options go on; the model is the one that settings.json would name."""
    words = ("--host", "API.groq.com", "--host", "*.x.ai", "--demo", "--set", "iflow_timeout=9")
    assert run(*words, "--model", "m-1", *ENVIRON).code == 0
    assert run.relay["arguments"] == [
        *("--demo", "--host", "api.groq.com", "--host", "*.x.ai", "--set", "iflow_timeout=9"),
    ]
    assert run.relay["environ"]["IFLOW_modelName"] == "m-1"


def test_odd_variables_are_told_in_a_line_each(run: Running) -> None:
    """What would have led past the relay is left out; a bundle that is gone is replaced."""
    code, out, err = run(
        "--host", "api.groq.com", *ENVIRON, no_proxy="a.example,groq.com", SSL_CERT_FILE="/gone.pem"
    )
    assert code == 0
    assert json.loads(out)["NO_PROXY"] == "a.example,localhost,127.0.0.1,::1"
    assert err.splitlines() == [
        "iflow-relay: SSL_CERT_FILE names /gone.pem, which cannot be read: "
        "the system's bundle is used",
        "iflow-relay: NO_PROXY is used without groq.com: "
        "it would lead calls to the relay's hosts past the relay",
    ]


def test_mitmweb_is_shown_where_there_is_a_screen(run: Running) -> None:
    """BROWSER is a program here that notes what it is to open."""
    browser = run.folder / "browser"
    browser.write_text(f'#!/bin/sh\necho loud\nprintf %s "$1" > {run.folder}/shown\n')
    browser.chmod(0o755)
    shown = run.folder / "shown"
    wait = python(
        f"import pathlib as p, time\nwhile not p.Path({str(shown)!r}).exists(): time.sleep(0.01)"
    )
    code, out, err = run("--show", *wait, BROWSER=str(browser))
    assert (code, out) == (0, "")
    assert err == "iflow-relay: the conversations are shown at http://127.0.0.1:3/?token=t\n"
    wait_until(lambda: shown.read_text() == "http://127.0.0.1:3/?token=t", "the address")
    assert run.relay["arguments"] == ["--web"]


def test_without_a_screen_the_address_is_said(run: Running) -> None:
    """No browser takes the terminal from the program."""
    code, out, err = run("--show", *python("print(1)"), DISPLAY="", WAYLAND_DISPLAY="", BROWSER="")
    assert (code, out) == (0, "1\n")
    assert "http://127.0.0.1:3/?token=t" in err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "iflow-relay run -- python app.py"),
        (("--new", "--"), "iflow-relay run -- python app.py"),
        (("--host", "https://x.ai/", "--", "true"), "is an address, not a host name"),
        (("--host", "a.*.ai", "--", "true"), "has a * that is not at its beginning"),
    ],
)
def test_a_wrong_command_line_is_refused(run: Running, words: tuple[str, ...], why: str) -> None:
    """Before anything is started."""
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert why in err
    assert not run.has_relay()


def test_a_command_that_is_not_there_starts_no_relay(run: Running) -> None:
    """127 as in a shell, 126 for what is no program."""
    assert run("--", "no-such-command") == (
        127,
        "",
        "iflow-relay: no-such-command: command not found\n",
    )
    assert run("--", "/").code == 126
    assert not run.has_relay()


@pytest.mark.parametrize(
    ("words", "is_used"),
    [
        ((), True),
        (("--host", "api.openai.com", "--host", "a.x.ai"), True),
        (("--host", "*.x.ai"), True),
        (("--host", "api.groq.com"), False),
        (("--host", "*.openai.com"), False),
        (("--new",), False),
        (("--demo",), False),
        (("--show",), False),
        (("--model", "m"), False),
        (("--set", "iflow_timeout=9"), False),
    ],
)
def test_the_relay_that_runs_is_used_where_it_will_do(
    run: Running, there: str, words: tuple[str, ...], is_used: bool
) -> None:
    """Which one it is, is said only to those who ask."""
    code, out, err = run("-v", *words, *ENVIRON)
    used = there if is_used else "http://127.0.0.1:2"
    assert code == 0
    assert json.loads(out)["HTTPS_PROXY"] == used
    assert f"proxy {used}\n" in err
    assert run.has_relay() is not is_used


def test_the_relay_that_runs_goes_on(run: Running, there: str) -> None:
    """It was not started here; nothing is said of it unasked."""
    assert run(*python("print(1)")) == (0, "1\n", "")
    assert run(*python("print(1)")) == (0, "1\n", "")
    assert not run.has_relay()
    assert run.left_over() == []
