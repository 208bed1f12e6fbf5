"""Where nothing can be captured, one sentence says what it would take."""

from __future__ import annotations

import logging
import platform
import shutil
import sys

import click
import pytest

from iflow_relay.commands.capture import (
    SOURCES,
    Refusal,
    check_capture,
    explain_refusal,
    watch_capture,
)


@pytest.mark.skipif(sys.platform != "linux", reason="what Linux needs")
@pytest.mark.parametrize(
    ("user", "release", "sudo", "missing"),
    [
        (1000, "6.8.0-31-generic", "/bin/sudo", "Missing here: root."),
        (0, "6.6.1", "/bin/sudo", "Missing here: a newer Linux than 6.6.1."),
        (0, "7.0-rc1", None, "Missing here: the program sudo."),
        (1, "5.15.0", None, "root, the program sudo, a newer Linux than 5.15.0."),
    ],
)
def test_what_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, user: int, release: str, sudo: str | None, missing: str
) -> None:
    """Before anything starts."""
    monkeypatch.setattr("os.geteuid", lambda: user)
    monkeypatch.setattr(platform, "release", lambda: release)
    monkeypatch.setattr(shutil, "which", lambda _: sudo)
    with pytest.raises(click.ClickException) as caught:
        check_capture()
    assert caught.value.message.endswith(missing)
    assert "iflow-relay run" in caught.value.message


@pytest.mark.skipif(sys.platform != "linux", reason="what Linux needs")
def test_where_all_is_there_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only trying tells more."""
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(platform, "release", lambda: "6.8.0")
    monkeypatch.setattr(shutil, "which", lambda _: "/bin/sudo")
    check_capture()


def test_each_system_has_its_own_needs() -> None:
    """Root and a kernel there, an approval here."""
    assert "Linux 6.8" in explain_refusal("linux")
    assert "network extension" in explain_refusal("darwin")
    assert "administrator" in explain_refusal("win32")


@pytest.mark.parametrize("name", SOURCES)
def test_pages_of_the_capturing_program_become_one_sentence(
    caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """Warnings are left out, the error that ends it is explained."""
    logger = logging.getLogger(name)
    watch_capture(verbose=False)
    try:
        logger.warning("object BTF couldn't be loaded")
        logger.error("[linux-redirector] exited: %s", "Ok")
    finally:
        for each in map(logging.getLogger, SOURCES):
            each.filters.clear()
    assert [record.getMessage() for record in caplog.records] == [explain_refusal(sys.platform)]


def test_who_asks_gets_the_pages() -> None:
    """With -vv."""
    record = logging.LogRecord("x", logging.WARNING, "", 0, "object BTF", (), None)
    assert Refusal(verbose=True).filter(record)
    assert not Refusal(verbose=False).filter(record)
