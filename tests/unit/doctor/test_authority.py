"""The certificate authority as the doctor sees it."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.unit.doctor.reading import statuses
from tests.unit.trust.authorities import (
    lay_down,
    make_authority,
    make_certificate,
    make_key,
    render_key,
)

from iflow_relay.doctor.authority import check_authority
from iflow_relay.trust.authority import CERTIFICATE_FILE, KEY_FILE


def test_none_yet_is_fine(tmp_path: Path) -> None:
    """One is made when it is needed, and not by a look."""
    [verdict] = check_authority(tmp_path / "conf")
    assert statuses([verdict]) == [("authority", "ok")]
    assert "first start makes one" in verdict.found
    assert not (tmp_path / "conf").exists()


def test_a_good_one_is_told_with_its_end(tmp_path: Path) -> None:
    """And is a warning in its last month."""
    authority = make_authority(tmp_path)
    [verdict] = check_authority(tmp_path)
    assert str(verdict.status) == "ok"
    assert f"good until {authority.not_after.date()}" in verdict.found
    late = authority.not_after - timedelta(days=10)
    assert statuses(check_authority(tmp_path, late)) == [("authority", "warning")]


def test_one_that_has_expired_is_a_failure(tmp_path: Path) -> None:
    """The advice is how to get another."""
    key = make_key()
    lay_down(tmp_path, render_key(key), make_certificate(key, days=(-20, -10)))
    [verdict] = check_authority(tmp_path)
    assert statuses([verdict]) == [("authority", "failure")]
    day = (datetime.now(UTC) - timedelta(days=10)).date()
    assert f"expired on {day}" in verdict.found
    assert verdict.advice.startswith(f"Move {tmp_path / KEY_FILE} away")


def test_another_key_is_a_failure(tmp_path: Path) -> None:
    """What it signs would be trusted by nobody."""
    lay_down(tmp_path, render_key(make_key()), make_certificate(make_key()))
    [verdict] = check_authority(tmp_path)
    assert statuses([verdict]) == [("authority", "failure")]
    assert "do not match" in verdict.found


def test_a_certificate_file_that_is_gone_is_a_failure(tmp_path: Path) -> None:
    """The advice is the line that writes it again."""
    (make_authority(tmp_path).folder / CERTIFICATE_FILE).unlink()
    [verdict] = check_authority(tmp_path)
    assert "cannot be read" in verdict.found
    assert verdict.advice.startswith("do `openssl x509")


@pytest.mark.skipif(os.name != "posix", reason="files have no such modes here")
def test_a_key_that_others_may_read_is_told_and_left_alone(tmp_path: Path) -> None:
    """The doctor changes nothing."""
    make_authority(tmp_path)
    (tmp_path / KEY_FILE).chmod(0o644)
    found = list(check_authority(tmp_path))
    assert statuses(found) == [("authority", "ok"), ("key file", "warning")]
    assert found[1].advice == f"chmod 600 {tmp_path / KEY_FILE}"
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o644
