"""The ledger of real relays: what is in it, and that it costs no call anything."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.asking import chat
from tests.e2e.conftest import LIKE_IFLOW, Starter, StartRelay
from tests.e2e.programs import CLI, CLIENT_KEY, HELLO, MODEL, Relay, make_environment, wait_until
from tests.e2e.test_serve import serve

from iflow_relay.demo import KEY
from iflow_relay.ledger.reading import Ledger
from iflow_relay.ledger.values import LedgerError, Row

SECRET = "the-secret-of-the-conversation"


def usual_place(relay: Relay) -> Path:
    return relay.home / ".local" / "share" / "iflow-relay" / "ledger.sqlite3"


def rows(path: Path) -> list[Row]:
    """The calls so far, the oldest first; none where there is no ledger yet."""
    try:
        with Ledger(path) as ledger:
            return ledger.last(100_000)[::-1]
    except LedgerError:
        return []


def wait_for_rows(path: Path, number: int) -> list[Row]:
    wait_until(lambda: len(rows(path)) >= number, f"{number} rows in {path}")
    return rows(path)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another program holds the file, and lets nobody in."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        connection.close()


def test_each_call_gets_a_row(start_relay: StartRelay) -> None:
    """In the user's data folder: who asked for what, what came of it, and what it cost."""
    relay = start_relay(*LIKE_IFLOW, "iflow_model_map=gpt-*=qwen3-coder-plus")
    with relay.client() as client:
        told = chat(client, model="gpt-4o", headers={"User-Agent": "OpenAI/Python 2.1"})
        chat(client, stream=True, stream_options={"include_usage": True})
        chat(client, "cut=1", stream=True, headers={"User-Agent": "curl/8.5"})
        client.get("/models")
        client.post("/embeddings?api_key=sk-x", json={"model": "m", "input": "hello"})
        client.get(f"http://127.0.0.1:{relay.port}/nowhere")
        for quiet in ("/health", "/proxy.pac"):
            client.get(quiet)
        client.options("/chat/completions", headers={"Origin": "http://localhost:3000"})
        chat(client, model="gpt-4o")
    whole, stream, broken, models, forward, nowhere, last = wait_for_rows(usual_place(relay), 7)
    assert (whole.route, whole.path, whole.dialect) == ("chat", "/chat/completions", "chat")
    assert (whole.asked, whole.run, whole.client) == ("gpt-4o", MODEL, "OpenAI/Python")
    assert (whole.status, whole.error, whole.host) == (200, "", "127.0.0.1")
    assert (whole.streamed, whole.sent) == (False, len(told.body))
    assert (whole.prompt, whole.completion) == (last.prompt, last.completion) == (6, 4)
    assert (stream.prompt, stream.completion, stream.streamed) == (6, 4, True)
    assert stream.first_token is not None
    assert 0 < stream.first_token <= stream.duration
    assert (broken.status, broken.error, broken.prompt) == (200, "upstream_broken", None)
    assert broken.client == "curl/8.5"
    assert (models.route, models.path, models.dialect) == ("models", "/models", "")
    assert (forward.route, forward.path, forward.status) == ("forward", "/embeddings", 200)
    assert (nowhere.path, nowhere.status, nowhere.error) == ("/nowhere", 404, "not_found")
    assert len({row.call for row in (whole, stream, broken, models, forward, nowhere, last)}) == 7
    times = [row.time for row in (whole, stream, broken, models, forward, nowhere, last)]
    assert times == sorted(times)


def test_it_holds_no_key_and_no_content(start_relay: StartRelay) -> None:
    """Not a byte of them, in no file of it; not the client's key, not the upstream's."""
    relay = start_relay(*LIKE_IFLOW)
    messages = [{"role": "user", "content": SECRET}]
    with relay.client() as client:
        assert SECRET in chat(client, messages=messages).text
        chat(client, stream=True, messages=messages)
        chat(client, "echo-key", messages=messages)
        client.get(f"/models?api_key={CLIENT_KEY}")
        chat(client, model=KEY, headers={"User-Agent": KEY})
    path = usual_place(relay)
    wait_for_rows(path, 5)
    files = [file.read_bytes() for file in path.parent.iterdir()]
    assert any(MODEL.encode() in data for data in files)
    for word in (SECRET, KEY, CLIENT_KEY, KEY[3:], CLIENT_KEY[3:]):
        assert not any(word.encode() in data for data in files)


def test_switched_off_it_leaves_no_file(start_relay: StartRelay) -> None:
    """Nor a folder for one."""
    relay = start_relay(*LIKE_IFLOW, "iflow_ledger=off")
    relay.check_it_serves()
    relay.interrupt()
    relay.wait()
    assert not usual_place(relay).parent.exists()


def test_a_relay_that_serves_nothing_begins_none(start_relay: StartRelay) -> None:
    """Whoever asks whether it is there is no call."""
    relay = start_relay(*LIKE_IFLOW)
    relay.interrupt()
    relay.wait()
    assert not usual_place(relay).parent.exists()


def test_the_end_of_the_relay_writes_what_waits(start_relay: StartRelay) -> None:
    """Ctrl-C right after the last answer loses nothing."""
    relay = start_relay(*LIKE_IFLOW)
    with relay.client() as client:
        for _ in range(30):
            chat(client)
    relay.interrupt()
    relay.wait()
    assert len(rows(usual_place(relay))) == 30
    assert "lacks" not in relay.log()


def test_a_call_that_the_end_of_the_relay_cuts_off_has_its_row(start_relay: StartRelay) -> None:
    """It was served, if not to its end."""
    relay = start_relay(*LIKE_IFLOW)
    if sys.version_info < (3, 13):
        # There asyncio itself says a connection's cancellation aloud, with a traceback.
        relay.never_says = ("crashed", "Addon error")
    body = HELLO | {"stream": True, "model": "demo:pause=0.05,words=400"}
    with relay.client() as client, client.stream("POST", "/chat/completions", json=body) as answer:
        pieces = answer.iter_raw()
        next(pieces)
        relay.interrupt()
        relay.wait()
    [row] = rows(usual_place(relay))
    assert (row.status, row.error, row.run) == (200, "relay_ends", "demo:pause=0.05,words=400")


def test_a_client_that_hangs_up_has_its_row(start_relay: StartRelay) -> None:
    """With what had come until then, and why no more came."""
    relay = start_relay(*LIKE_IFLOW)
    body = HELLO | {"stream": True, "model": "demo:pause=0.05,words=200"}
    with relay.client() as client, client.stream("POST", "/chat/completions", json=body) as answer:
        next(answer.iter_raw())
    [row] = wait_for_rows(usual_place(relay), 1)
    assert (row.status, row.error, row.completion) == (200, "client_disconnected", None)
    assert row.sent > 0


def test_two_relays_write_into_one_ledger(start_relay: StartRelay, tmp_path: Path) -> None:
    """At the same time, and each of them what it served."""
    path = tmp_path / "shared" / "ledger.sqlite3"
    relays = [start_relay(*LIKE_IFLOW, f"iflow_ledger={path}") for _ in range(2)]
    with relays[0].client() as one, relays[1].client() as other:
        for _ in range(20):
            chat(one, headers={"User-Agent": "one"})
            chat(other, headers={"User-Agent": "other"})
    found = wait_for_rows(path, 40)
    assert [row.client for row in found].count("one") == len(found) / 2 == 20


def test_a_locked_ledger_costs_no_call(start_relay: StartRelay, tmp_path: Path) -> None:
    """Its rows wait until the other program lets go; both is said once."""
    path = tmp_path / "ledger.sqlite3"
    relay = start_relay(*LIKE_IFLOW, f"iflow_ledger={path}")
    relay.check_it_serves()
    wait_for_rows(path, 1)
    with locked(path):
        for _ in range(3):
            relay.check_it_serves()
        relay.wait_for("another program holds it locked: close that program")
        relay.check_it_serves()
    wait_for_rows(path, 5)
    relay.wait_for("is written again: 4 calls that waited")
    assert relay.log().count("holds it locked") == 1


def test_a_damaged_ledger_costs_no_call(start_relay: StartRelay, tmp_path: Path) -> None:
    """It is moved aside, and a new one begun."""
    path = tmp_path / "ledger.sqlite3"
    path.write_bytes(b"no database at all" * 100)
    relay = start_relay(*LIKE_IFLOW, f"iflow_ledger={path}")
    relay.check_it_serves()
    relay.wait_for("is damaged: it was moved to ledger.sqlite3.damaged-")
    relay.check_it_serves()
    wait_for_rows(path, 2)
    assert relay.log().count("is damaged") == 1


def test_a_newer_ledger_costs_no_call(start_relay: StartRelay, tmp_path: Path) -> None:
    """It is left alone, and that said once."""
    path = tmp_path / "ledger.sqlite3"
    first = start_relay(*LIKE_IFLOW, f"iflow_ledger={path}")
    first.check_it_serves()
    wait_for_rows(path, 1)
    first.interrupt()
    first.wait()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA user_version = 999")
    relay = start_relay(*LIKE_IFLOW, f"iflow_ledger={path}")
    relay.check_it_serves()
    relay.wait_for("it was written by a newer iflow-relay")
    relay.check_it_serves()
    relay.interrupt()
    relay.wait()
    assert relay.log().count("written by a newer iflow-relay") == 1
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM calls").fetchone() == (1,)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_for_reading_only_costs_no_call(start_relay: StartRelay, tmp_path: Path) -> None:
    """As soon as it can be written, all of it is."""
    folder = tmp_path / "folder"
    folder.mkdir(0o500)
    try:
        relay = start_relay(*LIKE_IFLOW, f"iflow_ledger={folder / 'ledger.sqlite3'}")
        relay.check_it_serves()
        relay.wait_for("Permission denied: look at who may use the file and its folder")
        relay.check_it_serves()
    finally:
        folder.chmod(0o700)
    wait_for_rows(folder / "ledger.sqlite3", 2)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of half a megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except OSError as error:
        pytest.skip(f"no file system can be mounted: {error}")
    if done.returncode:
        pytest.skip(f"no file system can be mounted: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True, timeout=20)


def test_a_full_disk_costs_no_call(start_relay: StartRelay, small_disk: Path) -> None:
    """What was served meanwhile is written once there is room again."""
    path, filler = small_disk / "ledger.sqlite3", small_disk / "filler"
    relay = start_relay(*LIKE_IFLOW, f"iflow_ledger={path}")
    relay.check_it_serves()
    wait_for_rows(path, 1)
    fill(filler)
    calls = 1
    while "the disk is full: free some space" not in relay.log():
        relay.check_it_serves()
        calls += 1
        assert calls < 1000, relay.log()
    relay.check_it_serves()
    filler.unlink()
    assert len(wait_for_rows(path, calls + 1)) == calls + 1
    relay.interrupt()
    relay.wait()
    assert relay.log().count("the disk is full") == 1


def fill(path: Path) -> None:
    """Leave no room."""
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass


def test_serve_keeps_one_too(starter: Starter) -> None:
    """`iflow-relay serve`, where mitmproxy's own addons are left out."""

    relay = serve(starter)
    with relay.client() as client:
        chat(client)
    [row] = wait_for_rows(usual_place(relay), 1)
    assert (row.status, row.run) == (200, MODEL)
    done = subprocess.run(
        [*CLI, "usage", "--by", "model"],
        env=make_environment(relay.home),
        cwd=relay.folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert MODEL in done.stdout, done
