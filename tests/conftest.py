"""No test reads or writes what belongs to whoever runs it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from iflow_relay.environment import VARIABLES

HOMES = ("HOME", "USERPROFILE")
FOLDERS = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "LOCALAPPDATA")


def is_personal(name: str) -> bool:
    """Whether an environment variable could lead a test to its user's keys, files or proxy."""
    if name in VARIABLES:
        return True
    name = name.upper()
    return name.startswith(("IFLOW_", "OPENAI_", "XDG_", "SSL_CERT_")) or name.endswith("_PROXY")


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder, and an environment without keys and proxies."""
    folder = tmp_path_factory.mktemp("home")
    for name in filter(is_personal, list(os.environ)):
        monkeypatch.delenv(name)
    for name in HOMES:
        monkeypatch.setenv(name, str(folder))
    for name in FOLDERS:
        monkeypatch.setenv(name, str(folder / name.lower()))
    return folder
