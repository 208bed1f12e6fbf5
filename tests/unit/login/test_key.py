"""A login by API key: what is typed, and what is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iflow_relay import mark
from iflow_relay.config import parse_config
from iflow_relay.credential import DEFAULT_BASE_URL
from iflow_relay.errors import LoginRefused, SettingsDamaged
from iflow_relay.login.key import KeyLogin, read_key_login, read_target, write_key_login
from iflow_relay.options import OPTIONS
from iflow_relay.session import Session
from iflow_relay.upstreams import find_upstream

KEY = "sk-0123456789abcdef"


def read(
    key: str = KEY,
    *,
    upstream: str | None = None,
    base_url: str | None = None,
    model: str | None = None,
) -> KeyLogin:
    """What a person gave."""
    return read_key_login(key=key, upstream=upstream, base_url=base_url, model=model)


@pytest.mark.parametrize("around", ["", " ", "\n", "\r\n", "\t", "\ufeff", " \u200b "])
def test_what_is_pasted_around_a_key_is_trimmed(around: str) -> None:
    """Blanks and line ends, and what cannot be seen."""
    login = read(f"{around}{KEY}{around}", upstream="deepseek")
    assert login.key is not None
    assert login.key.reveal() == KEY


REFUSED_KEYS = {
    "": "is empty",
    " \n": "is empty",
    "sk-0123 456": "blanks or line ends within",
    "sk-0123\n456": "blanks or line ends within",
    "sk-0123\x00456": "blanks or line ends within",
    "sk-01234567é": "Letter 12 of the key is not plain ASCII",
    "\N{CYRILLIC SMALL LETTER ES}k-0123456789": "Letter 1 of the key is not plain ASCII",
    "sk-$HOME-1": "an environment variable in settings.json",
    "sk-${HOME}": "an environment variable in settings.json",
}


@pytest.mark.parametrize("key", REFUSED_KEYS)
def test_a_key_that_is_none_is_refused_with_the_reason(key: str) -> None:
    """And not quoted; the reader may be asked for it again."""
    with pytest.raises(LoginRefused) as caught:
        read(key, upstream="deepseek")
    assert REFUSED_KEYS[key] in caught.value.message
    assert caught.value.code == "key_refused"
    assert len(key.strip()) < 4 or key.strip() not in caught.value.message


def test_whoever_gives_no_key_is_told_where_one_is_made() -> None:
    """The table of upstreams knows."""
    with pytest.raises(LoginRefused, match=r"The key is empty\. One is made at https://platform"):
        read("", upstream="deepseek")


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:9", "localhost:11434/v1", "http://[::1]:9"])
def test_a_server_on_this_machine_needs_no_key(base_url: str) -> None:
    """But it may have one."""
    assert read("", base_url=base_url).key is None
    assert read(" ", upstream="ollama").key is None
    assert read(KEY, base_url=base_url).key is not None


def test_the_upstream_is_that_of_the_name_or_the_url() -> None:
    """Of both the URL counts; of neither it is iFlow's."""
    assert str(read(upstream="groq").base_url) == find_upstream("groq").base_url
    assert str(read(base_url="https://a.example/v1").base_url) == "https://a.example/v1"
    both = read(upstream="groq", base_url="https://a.example/v1")
    assert str(both.base_url) == "https://a.example/v1"
    assert str(read().base_url) == DEFAULT_BASE_URL
    assert str(read(upstream=" ", base_url="\n").base_url) == DEFAULT_BASE_URL


def test_an_address_is_repaired_and_that_is_said() -> None:
    """A scheme, and what goes too far."""
    login = read(base_url="a.example/v1/chat/completions")
    assert str(login.base_url) == "https://a.example/v1"
    assert login.repairs == ("https:// put before it", "/chat/completions taken off its end")


REFUSED_TARGETS = {
    ("deepsek", None): "Did you mean deepseek?",
    (None, "https://me:hunter2@a.example/v1"): "The base URL cannot be used: it holds a user name",
    (None, "ftp://a.example"): "The base URL cannot be used: 'ftp://a.example' is no http",
    (None, "https://a.example/$HOME"): "stands for an environment variable",
}


@pytest.mark.parametrize("target", REFUSED_TARGETS)
def test_an_upstream_that_is_none_is_refused_in_words(
    target: tuple[str | None, str | None],
) -> None:
    """A login within an address is never quoted."""
    with pytest.raises(LoginRefused) as caught:
        read(upstream=target[0], base_url=target[1])
    assert REFUSED_TARGETS[target] in caught.value.message
    assert "hunter2" not in caught.value.message
    assert caught.value.code == "login_refused"


@pytest.mark.parametrize(
    ("model", "kept"), [(None, None), ("", None), (" ", None), (" qwen3:8b ", "qwen3:8b")]
)
def test_a_model_is_taken_as_the_upstream_writes_it(model: str | None, kept: str | None) -> None:
    """None where there is none."""
    assert read(model=model).model == kept


def test_a_model_that_is_none_is_refused() -> None:
    """It would end up in a file and on a screen."""
    with pytest.raises(LoginRefused, match="model's name is none"):
        read(model="a\x1b[2Jb")


@given(key=st.text(max_size=30), base_url=st.text(max_size=30))
def test_whatever_is_typed_becomes_a_login_or_a_sentence(key: str, base_url: str) -> None:
    """The sentence never has the key in it."""
    message = ""
    try:
        login = read(key, base_url=base_url)
    except LoginRefused as error:
        message = error.message
    else:
        assert login.key is None or login.key.reveal() in key
    assert len(key.strip()) < 12 or key.strip() in base_url or key.strip() not in message


@pytest.mark.parametrize(
    ("upstream", "needs"), [("deepseek", True), ("ollama", False), (None, True)]
)
def test_it_is_known_beforehand_whether_a_key_is_wanted(upstream: str | None, needs: bool) -> None:
    """So that nobody is asked in vain."""
    assert read_target(upstream, None).needs_key is needs


def written(path: Path, login: KeyLogin) -> dict[str, Any]:
    """The document after the login."""
    write_key_login(path, login)
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return document


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where settings.json is to be."""
    return tmp_path / "settings.json"


def test_a_key_is_written_with_its_upstream_and_marked(path: Path) -> None:
    """The iFlow CLI understands the file."""
    document = written(path, read(upstream="deepseek", model="deepseek-chat"))
    marked = document.pop(mark.MEMBER)
    assert document == {
        "selectedAuthType": "openai-compatible",
        "apiKey": KEY,
        "baseUrl": "https://api.deepseek.com",
        "modelName": "deepseek-chat",
    }
    assert marked == mark.mark(document)
    assert written(path, read())["selectedAuthType"] == "iflow"


def test_what_was_written_is_what_a_relay_uses(path: Path) -> None:
    """Round trip by the session."""
    write_key_login(path, read(base_url="https://a.example/v1", model="m"))
    options = {option.name: option.default for option in OPTIONS} | {"iflow_settings": str(path)}
    upstream = Session(parse_config(options), {}).current()
    assert str(upstream.base_url) == "https://a.example/v1"
    assert upstream.key is not None
    assert (upstream.key.reveal(), upstream.model) == (KEY, "m")


def test_a_login_without_a_key_takes_the_key_of_before_away(path: Path) -> None:
    """It belonged to another upstream."""
    path.write_text('{"apiKey": "sk-of-another-one", "theme": "x"}')
    document = written(path, read("", upstream="ollama"))
    assert "apiKey" not in document
    assert document["theme"] == "x"


def test_a_second_login_leaves_nothing_of_the_first(path: Path) -> None:
    """Not the model of another upstream."""
    write_key_login(path, read(upstream="groq", model="llama"))
    document = written(path, read(upstream="mistral"))
    assert "modelName" not in document
    assert document["baseUrl"] == "https://api.mistral.ai/v1"


def test_a_damaged_file_is_replaced_only_where_that_is_wanted(path: Path) -> None:
    """What was there is kept beside it."""
    path.write_text('{"apiKey": ')
    with pytest.raises(SettingsDamaged):
        write_key_login(path, read())
    assert path.read_text() == '{"apiKey": '
    done = write_key_login(path, read(), replace_damaged=True)
    assert done.backup is not None
    assert done.backup.read_text() == '{"apiKey": '
    assert json.loads(path.read_text())["apiKey"] == KEY
