"""`iflow-relay ca install` and `uninstall`: what they say, ask and run."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.commands.debian import ask, make_debian, read_stores
from tests.unit.trust.machines import Fake

from iflow_relay.trust.authority import KEY_FILE


@pytest.fixture
def root(tmp_path: Path) -> Fake:
    """Root's Debian, at a terminal."""
    return make_debian(tmp_path, is_root=True)


@pytest.fixture
def user(tmp_path: Path) -> Fake:
    """A user's Debian, at a terminal."""
    return make_debian(tmp_path, is_root=False)


def changed(fake: Fake) -> list[str]:
    """The programs that were called to change something."""
    return [
        " ".join([call[0], *call[3:4]])
        for call in fake.calls()
        if call[0] != "certutil" or call[3] != "-L"
    ]


def test_it_says_what_it_will_do_and_does_it_once_agreed(root: Fake) -> None:
    """Every file and every command line, before and after."""
    result = ask(root, "install", answer="y\n")
    pem = root.home / ".mitmproxy/mitmproxy-ca-cert.pem"
    ours = root.root / "usr/local/share/ca-certificates/iflow-relay.crt"
    database = root.home / ".pki/nssdb"
    copy = f"copy {pem} to {ours}"
    add = f"certutil -d sql:{database} -A -t C,, -n iflow-relay -i {pem}"
    assert result.exit_code == 0, result.output
    assert result.output.splitlines() == [
        f"These will trust whatever is signed with the key in {pem.parent}, "
        "so keep that to yourself:",
        "",
        f"debian: {ours}",
        f"  {copy}",
        "  update-ca-certificates",
        f"chromium: {database}",
        f"  {add}",
        "",
        "Go on? [y/N]: y",
        f"debian: done: {copy}",
        "debian: done: update-ca-certificates",
        f"chromium: done: {add}",
        "Programs that run, browsers too, notice when they are started anew.",
    ]
    assert changed(root) == ["update-ca-certificates", "certutil -A"]
    again = ask(root, "install")
    assert (again.output, again.exit_code) == (
        "Nothing to do: they trust the authority already.\n",
        0,
    )


def test_what_went_in_comes_out(root: Fake) -> None:
    """Likewise, and only once."""
    ask(root, "install", "--yes")
    root.calls()
    result = ask(root, "uninstall", "--yes")
    assert result.exit_code == 0, result.output
    assert "debian: done: update-ca-certificates --fresh" in result.output
    assert changed(root) == ["update-ca-certificates", "certutil -D"]
    assert ask(root, "uninstall").output == "Nothing to do: nothing of ours is in there.\n"


def test_it_comes_out_when_the_authority_is_gone(root: Fake) -> None:
    """That is when people think of it."""
    ask(root, "install", "--yes")
    (root.home / ".mitmproxy" / KEY_FILE).unlink()
    assert ask(root, "uninstall", "--yes").exit_code == 0
    assert [store["trusts"] for store in read_stores(root) if store["present"]] == ["no", "no"]


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_whoever_does_not_agree_has_nothing_changed(root: Fake, answer: str) -> None:
    """No is the default."""
    assert ask(root, "install", answer=answer).exit_code == 1
    assert changed(root) == []


def test_without_a_terminal_it_does_not_wait_for_an_answer(tmp_path: Path) -> None:
    """A script has to agree by --yes."""
    fake = make_debian(tmp_path, is_root=True, has_terminal=False)
    result = ask(fake, "install")
    assert result.exit_code == 1
    assert "no terminal to ask in: add --yes" in result.output
    assert changed(fake) == []


def test_what_needs_root_is_printed_and_not_run(user: Fake) -> None:
    """Line by line; that something is left to be done is the exit status."""
    result = ask(user, "install", "--yes")
    pem = user.home / ".mitmproxy/mitmproxy-ca-cert.pem"
    ours = user.root / "usr/local/share/ca-certificates/iflow-relay.crt"
    assert result.exit_code == 1
    assert f"  sudo install -m 644 {pem} {ours}\n  sudo update-ca-certificates\n" in result.output
    assert changed(user) == ["certutil -A"]


def test_where_all_needs_root_nothing_is_asked(user: Fake) -> None:
    """There is nothing to agree to."""
    result = ask(user, "install", "--store", "debian")
    assert result.exit_code == 1
    assert "Go on?" not in result.output
    assert changed(user) == []


def test_only_the_stores_that_were_named_are_changed(root: Fake) -> None:
    """One that is not here is told, one that does not exist refused."""
    assert ask(root, "install", "--yes", "--store", "chromium").exit_code == 0
    assert changed(root) == ["certutil -A"]
    result = ask(root, "install", "--yes", "--store", "firefox")
    assert result.exit_code == 1
    assert "There is no such store here: firefox" in result.output
    assert ask(root, "install", "--store", "netscape").exit_code == 2


def test_a_step_that_fails_is_told_and_the_other_stores_go_on(root: Fake) -> None:
    """With the program's own reason."""
    root.program("update-ca-certificates", "sys.exit('no space left')")
    result = ask(root, "install", "--yes")
    assert result.exit_code == 1
    assert "debian: failed: update-ca-certificates\n  no space left\n" in result.output
    assert "chromium: done: " in result.output
    assert "Programs that run" not in result.output


def test_a_tool_that_is_missing_is_named(root: Fake) -> None:
    """The rest is done."""
    (root.bin / "certutil").unlink()
    result = ask(root, "install", "--yes")
    assert result.exit_code == 1
    assert "  cannot be changed: certutil is not installed; it comes with" in result.output
    assert changed(root) == ["update-ca-certificates"]
    result = ask(root, "uninstall", "--yes")
    assert "chromium: not looked into: certutil is not installed" in result.output


def test_what_is_somebody_elses_stays(root: Fake) -> None:
    """And that it stays is said."""
    folder = root.root / "usr/local/share/ca-certificates"
    pem = (root.home / ".mitmproxy/mitmproxy-ca-cert.pem").read_bytes()
    (folder / "mitmproxy.crt").write_bytes(pem)
    root.machine.run(("update-ca-certificates",))
    result = ask(root, "uninstall", "--store", "debian")
    assert result.exit_code == 0
    assert "trusts it by somebody else's doing, which stays" in result.output
    assert (folder / "mitmproxy.crt").exists()
