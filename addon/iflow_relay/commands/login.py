"""`iflow-relay login`."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import click

from ..config import Config
from ..console import print_table
from ..errors import LoginError, LoginUnavailable
from .common import json_option, print_json, read_config, set_option
from .conversation import Conversation, converse, until_written
from .login_key import Wanted

NO_TERMINAL = (
    "There is no terminal to ask in. Give the upstream with --upstream or --base-url, and the key "
    "on standard input: iflow-relay login --upstream deepseek --api-key-stdin < FILE"
)


@click.command(short_help="Log in to an upstream, by API key or OAuth.")
@click.option("--upstream", metavar="NAME", help="An upstream by its name; `list` prints them.")
@click.option("--base-url", metavar="URL", help="The upstream's address, where it has no name.")
@click.option("--model", metavar="NAME", help="The default model.")
@click.option("--api-key-stdin", "key_stdin", is_flag=True, help="Read the key from stdin.")
@click.option("--no-check", is_flag=True, help="Write the key without trying it.")
@click.option("--oauth", is_flag=True, help="Log in with OAuth, in a browser.")
@click.option("--no-browser", is_flag=True, help="With --oauth: paste the address it leads to.")
@click.option("--list", "listing", is_flag=True, help="Print the upstreams that have names.")
@click.option("--yes", "-y", is_flag=True, help="Go on where it would ask.")
@set_option
@json_option
def login(
    upstream: str | None,
    base_url: str | None,
    model: str | None,
    key_stdin: bool,
    no_check: bool,
    oauth: bool,
    no_browser: bool,
    listing: bool,
    yes: bool,
    sets: tuple[str, ...],
    as_json: bool,
) -> None:
    """Log in to an upstream: write its address and a key to settings.json.

    Without options it asks which way. A key is read without echo, or from standard input, tried
    with a call that costs next to nothing, and written if the upstream takes it:

    \b
      iflow-relay login
      iflow-relay login --upstream deepseek
      iflow-relay login --upstream groq --api-key-stdin < FILE
      iflow-relay login --upstream ollama --model qwen3
      iflow-relay login --oauth

    The exit status is 1 where nothing was written, 130 after Ctrl-C.
    """
    if listing or upstream == "list":
        print_upstreams(as_json)
        return
    _refuse_contradictions(oauth, no_browser, key=key_stdin or bool(upstream))
    talk = converse(aside=as_json, yes=yes)
    wanted = Wanted(upstream, base_url, model, key_stdin, not no_check)
    config = read_config(sets)
    told = oauth or key_stdin or bool(upstream or base_url)
    if not told and not talk.terminal:
        raise click.UsageError(NO_TERMINAL)
    try:
        with until_written():
            by_oauth = oauth or (not told and _choose_way(talk, config))
        _log_in(talk, config, sets, wanted, by_oauth=by_oauth, browser=not no_browser)
    except LoginError as error:
        _fail(error, as_json)


def _fail(error: LoginError, as_json: bool) -> NoReturn:
    if as_json:
        print_json({"ok": False, "code": error.code, "problem": error.message})
    else:
        click.echo(f"Error: {error.message}", err=True)
    sys.exit(1)


def _log_in(
    talk: Conversation,
    config: Config,
    sets: tuple[str, ...],
    wanted: Wanted,
    *,
    by_oauth: bool,
    browser: bool,
) -> None:
    if by_oauth:
        from .login_oauth import log_in_by_oauth

        log_in_by_oauth(
            talk, config, sets, base_url=wanted.base_url, model=wanted.model, browser=browser
        )
    else:
        from .login_key import log_in_by_key

        log_in_by_key(talk, config, sets, wanted)


def print_upstreams(as_json: bool) -> None:
    """The upstreams that have names."""
    from ..upstreams import known_upstreams

    if as_json:
        print_json([known._asdict() for known in known_upstreams()])
        return
    rows = [(known.name, known.title, known.base_url) for known in known_upstreams()]
    print_table(("name", "upstream", "base URL"), rows)


def _refuse_contradictions(oauth: bool, no_browser: bool, *, key: bool) -> None:
    if oauth and key:
        raise click.UsageError("--oauth is for iFlow's login: it takes no key and no --upstream.")
    if no_browser and not oauth:
        raise click.UsageError("--no-browser goes with --oauth.")


def _choose_way(talk: Conversation, config: Config) -> bool:
    """Whether the reader wants OAuth; one that cannot be had is shown with the reason."""
    talk.say("How do you want to log in?")
    talk.say("  1  with an API key, to any OpenAI-compatible upstream")
    talk.say(f"  2  with OAuth, to iFlow{_describe_oauth(config)}")
    while (answer := talk.ask("1 or 2 [1]:")) not in ("", "1", "2"):
        talk.say("Write 1 or 2.")
    return answer == "2"


def _describe_oauth(config: Config) -> str:
    """What there is to know of OAuth before it is chosen."""
    from ..oauth import DEFAULT_URL, find_client

    try:
        client = find_client(config, os.environ)
    except LoginUnavailable as error:
        return f": not available. {error.message}"
    return " (it closed in April 2026)" if str(client.url) == DEFAULT_URL else f", at {client.url}"
