"""The PAC file: what it says, and what a browser makes of it."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from iflow_relay.pac import render_pac
from iflow_relay.routing import parse_host_pattern

PROXY = "127.0.0.1:8080"
HOSTS = [
    parse_host_pattern(text) for text in ("iflow.internal", "API.openai.com.", "*.example.com")
]
SENT = [
    "iflow.internal",
    "api.openai.com",
    "API.OpenAI.Com",
    "api.openai.com.",
    "a.example.com",
    "A.B.EXAMPLE.COM.",
]
DIRECT = [
    "example.com",
    ".example.com",
    "anexample.com",
    "openai.com",
    "xapi.openai.com",
    "api.openai.com.invalid",
    "api.openai.com..",
    "127.0.0.1",
    "localhost",
    "",
]


def evaluate(text: str, hosts: list[str]) -> list[str]:
    """What the file says of these hosts; skips where there is no JavaScript."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node")
    ask = f"{text}\nconst found = {json.dumps(hosts)}.map(h => FindProxyForURL('https://' + h, h));"
    done = subprocess.run(
        [node, "-e", f"'use strict';{ask}\nconsole.log(JSON.stringify(found))"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    found: list[str] = json.loads(done.stdout)
    return found


def test_only_virtual_hosts_are_sent_to_the_proxy() -> None:
    """In any case, with a final dot, by name or by what stands below one."""
    found = evaluate(render_pac(HOSTS, PROXY), SENT + DIRECT)
    assert found == [f"PROXY {PROXY}"] * len(SENT) + ["DIRECT"] * len(DIRECT)


def test_without_virtual_hosts_everything_is_direct() -> None:
    """Then the file is of no use, but no error either."""
    assert evaluate(render_pac([], PROXY), SENT) == ["DIRECT"] * len(SENT)


def test_a_relay_that_is_down_is_not_gone_round() -> None:
    """No `DIRECT` follows the proxy: the browser would call the original host by itself."""
    text = render_pac(HOSTS, PROXY)
    assert text.count(f'return "PROXY {PROXY}";') == 1
    assert text.count("DIRECT") == 1
    assert "DIRECT;" not in text
    assert "SOCKS" not in text


def test_names_are_in_lower_case_and_whole() -> None:
    """What is compared with them is, too."""
    text = render_pac(HOSTS, PROXY)
    assert 'host === "api.openai.com"' in text
    assert 'suffix(host, ".example.com")' in text
    assert "API" not in text


@pytest.mark.parametrize("name", ['a"b.com', "a'b.com", "a\\b.com", "a\nb.com", "a;b", "a(b)", "*"])
def test_no_host_can_say_anything_else_in_the_file(name: str) -> None:
    """A name with a quote in it never becomes a pattern."""
    with pytest.raises(ValueError, match="write a host name like"):
        parse_host_pattern(name)
