"""A made-up Debian with an authority, for the tests of `iflow-relay ca`."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result
from tests.unit.trust.authorities import make_authority
from tests.unit.trust.machines import Fake

from iflow_relay.commands.ca import ca

UPDATE = """
    root = pathlib.Path({root!r})
    folder, bundle = root / "usr/local/share/ca-certificates", root / "etc/ssl/certs"
    bundle.mkdir(parents=True, exist_ok=True)
    text = b"".join(path.read_bytes() for path in folder.iterdir())
    (bundle / "ca-certificates.crt").write_bytes(text)
"""

# A database is its cert9.db: a certificate, or nothing.
CERTUTIL = """
    database = pathlib.Path(args[1].removeprefix("sql:")) / "cert9.db"
    if args[2:] == ["-L"]:
        print("iflow-relay  C,,") if database.read_text() else None
    elif args[2] == "-L":
        print(database.read_text())
    elif args[2] == "-A":
        database.write_text(pathlib.Path(args[-1]).read_text())
    elif args[2] in ("-D", "-N"):
        database.write_text("")
"""


def ask(fake: Fake, *words: str, answer: str | None = None) -> Result:
    """Run it with the fake's own folder of mitmproxy."""
    return CliRunner().invoke(ca, words, obj=fake.machine, input=answer)


def make_debian(folder: Path, *, is_root: bool, has_terminal: bool = True) -> Fake:
    """A Debian with an authority, and a Chromium that has run."""
    fake = Fake(folder, is_root=is_root, has_terminal=has_terminal)
    (fake.root / "usr/local/share/ca-certificates").mkdir(parents=True)
    fake.program("update-ca-certificates", UPDATE.format(root=str(fake.root)))
    fake.program("certutil", CERTUTIL)
    (fake.home / ".pki/nssdb").mkdir(parents=True)
    (fake.home / ".pki/nssdb/cert9.db").touch()
    make_authority(fake.home / ".mitmproxy")
    return fake


def read_stores(fake: Fake) -> list[dict[str, object]]:
    """What the status says of each store."""
    stores: list[dict[str, object]] = json.loads(ask(fake, "status", "--json").stdout)["stores"]
    return stores
