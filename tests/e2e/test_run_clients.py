"""Real clients under `run`: other hosts are tunnelled and verified as before, OpenAI's is ours."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence

import pytest
from tests.e2e.machine import APPS, Ran, Served, app
from tests.e2e.servers import Demo
from tests.e2e.site import HELLO, NAME, FileSite

from iflow_relay.catalog import BUILTIN

TUNNELLED = f"https://{NAME}/hello.txt"
OPENAI = "https://api.openai.com/v1/models"
NAMED_NODE = os.environ.get("IFLOW_TEST_NODE")
"""Read here, because tests run without such variables."""

OLDEST_NODE = (22, 21)
"""The first whose fetch takes a proxy from the environment."""

CLIENTS = {
    "requests": "REQUESTS_CA_BUNDLE",
    "httpx": "SSL_CERT_FILE",
    "urllib": "SSL_CERT_FILE",
    "aiohttp": "SSL_CERT_FILE",
    "curl": "CURL_CA_BUNDLE",
    "node": "NODE_EXTRA_CA_CERTS",
}
"""Each with the variable by which its user has made it trust the site."""


def find_node() -> str | None:
    """A node that is new enough: IFLOW_TEST_NODE, or the one on PATH."""
    node = NAMED_NODE or shutil.which("node")
    if node is None:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
    version = tuple(int(part) for part in re.findall(r"\d+", said)[:2])
    return node if version >= OLDEST_NODE else None


def command(client: str, *addresses: str) -> Sequence[str]:
    """What gets the addresses with a client."""
    if client == "node":
        node = find_node()
        if node is None:
            pytest.skip("no node of 22.21 or newer: put one on PATH, or name it in IFLOW_TEST_NODE")
        return ("--", node, str(APPS / "get.mjs"), *addresses)
    if client == "curl":
        if not shutil.which("curl"):
            pytest.skip("no curl")
        return ("--", "curl", "--silent", "--show-error", *addresses)
    return app("get", client, *addresses)


def read_bodies(client: str, ran: Ran) -> list[str]:
    """The bodies that it got; curl prints one after the other."""
    assert ran.code == 0, ran
    if client == "curl":
        return [ran.out[: len(HELLO)], ran.out[len(HELLO) :]]
    bodies: list[str] = ran.told
    return bodies


def connections(served: Served) -> dict[str, int]:
    """The relay's counts so far."""
    with served.relay.client() as client:
        found: dict[str, int] = client.get("/health").json()["connections"]
    return found


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_reaches_both(served: Served, site: FileSite, demo: Demo, client: str) -> None:
    """Its own site by a tunnel, with the authority that it trusted before; OpenAI here."""
    before = connections(served)
    ran = served.machine.run(
        *command(client, TUNNELLED, OPENAI), **{CLIENTS[client]: str(site.authority)}
    )
    hello, models = read_bodies(client, ran)
    assert hello == HELLO
    assert json.loads(models)["data"][0]["id"] == BUILTIN[0].id
    after = connections(served)
    assert {kind: after[kind] - before[kind] for kind in after} == {
        "tunnelled": 1,
        "intercepted": 1,
    }
    assert ran.err == ""


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl")
def test_a_site_that_was_not_trusted_before_is_not_trusted_now(served: Served) -> None:
    """The relay adds its own authority, and no other."""
    ran = served.machine.run("--", "curl", "--silent", "--show-error", TUNNELLED)
    assert (ran.code, ran.out) == (60, "")


@pytest.mark.skipif(not shutil.which("git"), reason="no git")
@pytest.mark.parametrize("how", ["variable", "setting"])
def test_git_reaches_its_server(served: Served, site: FileSite, how: str) -> None:
    """By a tunnel, whichever way it was told whom to trust."""
    variables = {"GIT_SSL_CAINFO": str(site.authority)}
    if how == "setting":
        (served.machine.home / ".gitconfig").write_text(f'[http]\nsslCAInfo = "{site.authority}"\n')
        variables = {}
    git = ("--", "git", "ls-remote", f"https://{NAME}/repo.git")
    ran = served.machine.run(*git, GIT_CONFIG_NOSYSTEM="1", **variables)
    assert ran == (0, f"{site.head}\tHEAD\n{site.head}\trefs/heads/main\n", "")


@pytest.mark.skipif(not shutil.which("git"), reason="no git")
def test_git_trusts_the_relay(served: Served) -> None:
    """What it is told is that there is no such repository, and not that the certificate is bad."""
    ran = served.machine.run("--", "git", "ls-remote", OPENAI, GIT_TERMINAL_PROMPT="0")
    assert ran.code == 128
    assert "not found" in ran.err
