"""The credential files on disk: which is read, which wins, and what is wrong with them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from iflow_relay.settings import MAX_FILE, Sourced
from iflow_relay.store import CredentialStore, Stored


@pytest.fixture
def folder(home: Path) -> Path:
    """The CLI's folder in the user's home, empty."""
    path = home / ".iflow"
    path.mkdir()
    return path


def put(folder: Path, name: str, document: Any) -> None:
    (folder / name).write_text(json.dumps(document), "utf-8")


def load(folder: Path, **environ: str) -> Stored:
    return CredentialStore(folder / "settings.json", environ).load()


def test_without_files_there_is_nothing(folder: Path) -> None:
    """Not even the folder needs to be there."""
    assert load(folder) == Stored(False)
    assert load(folder / "deeper") == Stored(False)


def test_the_settings_give_key_address_and_model(folder: Path) -> None:
    """Each with the words that say where it stands."""
    put(folder, "settings.json", {"apiKey": "sk-a", "baseUrl": "http://h", "modelName": "m"})
    assert load(folder) == Stored(
        True,
        Sourced("sk-a", "~/.iflow/settings.json apiKey"),
        Sourced("http://h", "~/.iflow/settings.json baseUrl"),
        Sourced("m", "~/.iflow/settings.json modelName"),
    )


def test_a_file_elsewhere_is_named_by_its_path(tmp_path: Path) -> None:
    """Only what lies at home is shortened."""
    put(tmp_path, "settings.json", {"apiKey": "sk-a"})
    stored = load(tmp_path)
    assert stored.api_key == Sourced("sk-a", f"{tmp_path / 'settings.json'} apiKey")


SETTINGS = "settings.json"
OAUTH = "oauth_creds.json"
ACCOUNTS = "iflow_accounts.json"


@pytest.mark.parametrize(
    ("files", "key", "origin"),
    [
        ({SETTINGS: {"apiKey": "a", "searchApiKey": "b"}}, "a", "settings.json apiKey"),
        ({SETTINGS: {"searchApiKey": "b"}}, "b", "settings.json searchApiKey"),
        ({SETTINGS: {"apiKey": " ", "searchApiKey": "b"}}, "b", "settings.json searchApiKey"),
        ({SETTINGS: {"apiKey": "a"}, OAUTH: {"apiKey": "c"}}, "a", "settings.json apiKey"),
        ({SETTINGS: {}, OAUTH: {"apiKey": "c"}}, "c", "oauth_creds.json apiKey"),
        ({OAUTH: {"apiKey": " c\n"}}, "c", "oauth_creds.json apiKey"),
        (
            {OAUTH: {"apiKey": "c"}, ACCOUNTS: {"iflowApiKey": "d"}},
            "c",
            "oauth_creds.json apiKey",
        ),
        (
            {OAUTH: {"access_token": "t"}, ACCOUNTS: {"iflowApiKey": "d"}},
            "d",
            "iflow_accounts.json iflowApiKey",
        ),
        ({OAUTH: {"apiKey": 5}, ACCOUNTS: {"iflowApiKey": "d"}}, "d", "iflow_accounts.json"),
        ({OAUTH: ["apiKey"], ACCOUNTS: {"iflowApiKey": "d"}}, "d", "iflow_accounts.json"),
    ],
)
def test_the_key_comes_from_the_first_place_that_has_one(
    folder: Path, files: dict[str, Any], key: str, origin: str
) -> None:
    """settings.json, then the files that the CLI writes beside it."""
    for name, document in files.items():
        put(folder, name, document)
    found = load(folder).api_key
    assert found
    assert found.value == key
    assert origin in found.origin


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff", b"[" * 200_000])
def test_a_damaged_companion_is_no_key(folder: Path, damage: bytes) -> None:
    """It is the CLI's private notebook; nobody is told to mend it."""
    (folder / OAUTH).write_bytes(damage)
    (folder / ACCOUNTS).mkdir()
    put(folder, SETTINGS, {})
    assert load(folder) == Stored(True)


def test_variables_come_from_the_environment_given(folder: Path) -> None:
    """The values, not the names, are what the relay works with."""
    put(folder, SETTINGS, {"apiKey": "$KEY"})
    assert load(folder, KEY="sk-a").api_key == Sourced("sk-a", "~/.iflow/settings.json apiKey")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it is empty"),
        (b"{", "it is no JSON"),
        (b"[]", "it holds a list"),
        (b"\xff", "it is not UTF-8 text"),
        (b'{"apiKey": 5}', "apiKey is a number"),
        (b'{"apiKey": "$NOPE"}', "environment variable NOPE"),
        (b" " * (MAX_FILE + 1), "is larger than 1 MB"),
    ],
)
def test_settings_that_are_unusable_are_named(folder: Path, data: bytes, why: str) -> None:
    """The message begins with the file."""
    (folder / SETTINGS).write_bytes(data)
    with pytest.raises(ValueError, match=rf"^~/\.iflow/settings\.json:? .*{why}"):
        load(folder)


def test_settings_that_are_a_folder_are_named(folder: Path) -> None:
    """It happens where a container mounts a file that is not there."""
    (folder / SETTINGS).mkdir()
    with pytest.raises(ValueError, match=r"settings\.json is a folder"):
        load(folder)


def test_settings_that_cannot_be_read_are_named(folder: Path) -> None:
    """A link to itself fails for every user, the one who may read everything too."""
    (folder / SETTINGS).symlink_to(folder / SETTINGS)
    with pytest.raises(ValueError, match=r"settings\.json cannot be read"):
        load(folder)


def test_every_file_has_its_part_in_the_signature(folder: Path) -> None:
    """A change of any of the three is one that counts."""
    store = CredentialStore(folder / SETTINGS, {})
    seen = {store.signature()}
    for number, name in enumerate((SETTINGS, OAUTH, ACCOUNTS)):
        put(folder, name, {})
        seen.add(store.signature())
        os.utime(folder / name, (number, number))
        seen.add(store.signature())
    assert len(seen) == 7
    assert store.signature() in seen


def test_a_file_that_is_replaced_by_its_like_has_changed(folder: Path) -> None:
    """Same size and same second: the file is another one all the same."""
    store = CredentialStore(folder / SETTINGS, {})
    put(folder, SETTINGS, {"apiKey": "a"})
    os.utime(folder / SETTINGS, (1, 1))
    before = store.signature()
    put(folder, "new", {"apiKey": "b"})
    os.utime(folder / "new", (1, 1))
    (folder / "new").replace(folder / SETTINGS)
    assert store.signature() != before


def test_what_was_stored_does_not_print_its_key(folder: Path) -> None:
    """A value that lands in a log or a traceback takes no key with it."""
    put(folder, SETTINGS, {"apiKey": "sk-0123456789abcdef"})
    assert "sk-0123456789abcdef" not in repr(load(folder))
