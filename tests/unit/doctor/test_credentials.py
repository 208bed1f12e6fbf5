"""What the settings say, and who else can read them."""

from __future__ import annotations

import json
import os
import shlex
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.unit.doctor.reading import make_config, statuses

from iflow_relay.doctor.credentials import PLAIN, check_credentials
from iflow_relay.doctor.verdict import Verdict
from iflow_relay.session import HOW_TO_LOG_IN

KEY = "sk-0123456789abcdef"
URL = "https://api.example.com/v1"
GOOD = {"apiKey": KEY, "baseUrl": URL, "modelName": "m"}


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Where settings.json is to be."""
    return tmp_path / "settings.json"


def write(path: Path, content: Any, mode: int = 0o600) -> None:
    """Put a credential file there."""
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    path.chmod(mode)


def check(settings: Path, environ: dict[str, str] | None = None, **options: str) -> list[Verdict]:
    """All that is found."""
    return list(check_credentials(make_config(settings=str(settings), **options), environ or {}))


def test_each_value_is_shown_with_its_origin(settings: Path) -> None:
    """The key as its mask alone."""
    write(settings, GOOD)
    found = check(settings, {"IFLOW_MODEL_NAME": "other"})
    assert [(verdict.name, str(verdict.status), verdict.found) for verdict in found] == [
        ("settings file", "ok", str(settings)),
        ("base URL", "ok", f"{URL}, from {settings} baseUrl"),
        ("key", "ok", f"sk-…cdef, from {settings} apiKey"),
        ("model", "ok", "other, from environment IFLOW_MODEL_NAME"),
    ]
    assert KEY not in str(found)


def test_without_anything_it_is_the_key_that_is_missing(settings: Path) -> None:
    """The advice says where it can come from."""
    found = check(settings)
    assert statuses(found) == [
        ("settings file", "skipped"),
        ("base URL", "ok"),
        ("key", "failure"),
        ("model", "ok"),
    ]
    assert found[1].found == "https://apis.iflow.cn/v1, from the default"
    assert found[2].found == "There is no API key for https://apis.iflow.cn/v1"
    assert found[2].advice == HOW_TO_LOG_IN


def test_on_this_machine_no_key_is_needed(settings: Path) -> None:
    """A server of one's own asks for none."""
    found = check(settings, base_url="http://127.0.0.1:11434/v1")
    assert [status for _, status in statuses(found)] == ["skipped", "ok", "ok", "ok"]


BROKEN: list[Any] = [b"", b"{", b"[]", b"\xff", {"apiKey": 5}, {"apiKey": "$NOT_SET"}]


@pytest.mark.parametrize("content", BROKEN)
def test_a_file_that_cannot_be_used_is_a_failure(settings: Path, content: Any) -> None:
    """Unless options and environment say all that is needed."""
    write(settings, content)
    assert statuses(check(settings)) == [("settings file", "failure")]
    found = check(settings, {"IFLOW_API_KEY": KEY}, base_url=URL)
    assert [status for _, status in statuses(found)] == ["warning", "ok", "ok", "ok"]


def test_a_base_url_that_is_none_is_a_failure(settings: Path) -> None:
    """With what is accepted."""
    write(settings, GOOD | {"baseUrl": "api.example.com"})
    broken = check(settings)[1]
    assert statuses([broken]) == [("base URL", "failure")]
    assert "is no http:// or https:// address" in broken.found
    assert f"(from {settings} baseUrl)" in broken.found
    assert broken.advice == "write it like https://api.example.com/v1"


def test_a_password_in_the_base_url_is_not_shown(settings: Path) -> None:
    """It belongs into apiKey."""
    write(settings, GOOD | {"baseUrl": "https://me:hunter2@api.example.com/v1"})
    found = check(settings)
    assert statuses(found)[1] == ("base URL", "failure")
    assert "hunter2" not in str(found)


def test_a_key_that_no_header_carries_is_a_failure(settings: Path) -> None:
    """And is shown as its mask all the same."""
    write(settings, GOOD | {"apiKey": "sk-0123456789 abcdef"})
    key = check(settings)[2]
    assert statuses([key]) == [("key", "failure")]
    assert key.found.startswith("sk-…cdef, from ")
    assert key.advice == PLAIN


@pytest.mark.skipif(os.name != "posix", reason="files have no such modes here")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_files_that_others_may_read_are_told(settings: Path, mode: int) -> None:
    """settings.json and its companions, each with the line that closes it."""
    write(settings, GOOD, mode)
    write(settings.with_name("oauth_creds.json"), {"apiKey": KEY}, mode)
    write(settings.with_name("iflow_accounts.json"), {"iflowApiKey": KEY})
    modes = [verdict for verdict in check(settings) if verdict.name == "file mode"]
    assert statuses(modes) == [("file mode", "warning")] * 2
    for verdict in modes:
        path = Path(shlex.split(verdict.advice)[-1])
        assert f"{path} has the mode 0{mode:o}" in verdict.found
        path.chmod(0o600)
    assert "file mode" not in dict(statuses(check(settings)))


def oauth(days: float, **more: str) -> dict[str, str]:
    """A login to iFlow's own service that has so long to go."""
    end = datetime.fromtimestamp(time.time() + days * 86400, UTC).isoformat()
    return {"apiKey": KEY, "oauth_refresh_token": "r", "oauth_expires_at": end} | more


@pytest.mark.parametrize(
    ("document", "secret", "status", "found"),
    [
        (oauth(2.5), "s", "ok", "in 2 days; a relay that runs renews it before"),
        (oauth(-2.5), "s", "warning", "2 days ago: a relay renews it when it starts"),
        (oauth(2.5), "", "warning", "in 2 days, and it cannot be renewed: "),
        (oauth(0, oauth_expires_at="?"), "s", "ok", "not known; a relay"),
    ],
)
def test_a_key_that_came_by_oauth_has_an_end(
    settings: Path, document: dict[str, str], secret: str, status: str, found: str
) -> None:
    """And may lack what renews it."""
    write(settings, document)
    environ = {"IFLOW_OAUTH_CLIENT_SECRET": secret} if secret else {}
    [verdict] = [v for v in check(settings, environ) if v.name == "key's end"]
    assert str(verdict.status) == status
    assert verdict.found.startswith(found)


def test_a_key_of_another_kind_has_none(settings: Path) -> None:
    """Nothing is said where nothing is known."""
    write(settings, GOOD)
    assert "key's end" not in [verdict.name for verdict in check(settings)]
