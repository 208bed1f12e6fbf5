"""The page's files: what is sent, as what, and that nothing else ever is."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.web.browsing import make_asked

from iflow_relay.credential import Secret
from iflow_relay.errors import NotFound
from iflow_relay.headers import by_name
from iflow_relay.web.asked import Said
from iflow_relay.web.assets import STATIC, TYPES, VENDOR, Assets

PIECES = ["..", "/", "%2f", "\\", "outside", "page", ".js"]
TOKEN = Secret("a-token-of-one-start")
PAGE = b'<!doctype html><meta name="relay-token" content="{{token}}">'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a page, a script, a style, and things that are nobody's business."""
    folder = tmp_path / "static"
    (folder / "inner").mkdir(parents=True)
    (folder / "index.html").write_bytes(PAGE)
    (folder / "page.js").write_bytes(b"export {}; // {{token}}")
    (folder / "style.css").write_bytes(b":root {}")
    (folder / "notes.py").write_bytes(b"secret = 1")
    (folder / ".hidden.js").write_bytes(b"hidden")
    (folder / "inner" / "deep.js").write_bytes(b"deep")
    (folder / "vendor" / "inner").mkdir(parents=True)
    (folder / "vendor" / "chart.js").write_bytes(b"chart")
    (folder / "vendor" / "inner" / "deep.js").write_bytes(b"deep")
    (folder / "vendor" / "notes.py").write_bytes(b"secret = 1")
    (tmp_path / "outside.js").write_bytes(b"outside")
    return folder


@pytest.fixture
def assets(folder: Path) -> Assets:
    return Assets(TOKEN, folder)


def get(assets: Assets, name: str, **fields: str) -> Said:
    sent = {name.replace("_", "-"): value for name, value in fields.items()}
    return assets.file(name, make_asked("GET", f"/ui/{name}", fields=sent))


def test_the_page_has_the_token_in_it(assets: Assets) -> None:
    """It is made anew for each start, so it says nothing of how it may be kept: no cache does."""
    said = assets.page()
    assert said.status == 200
    assert by_name(said.fields) == {"content-type": "text/html; charset=utf-8"}
    assert said.body == PAGE.replace(b"{{token}}", TOKEN.reveal().encode())
    assert TOKEN.reveal() not in repr(said)


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        ("page.js", "text/javascript; charset=utf-8"),
        ("style.css", "text/css; charset=utf-8"),
        ("vendor/chart.js", "text/javascript; charset=utf-8"),
    ],
)
def test_a_file_comes_as_it_is(assets: Assets, folder: Path, name: str, type_: str) -> None:
    """With its type, a tag, and the wish to be asked for again; no token is ever put into it."""
    said = get(assets, name)
    fields = by_name(said.fields)
    assert (said.status, said.body) == (200, (folder / name).read_bytes())
    assert fields["content-type"] == type_
    assert fields["cache-control"] == "no-cache"
    assert fields["etag"].startswith('"')


def test_a_file_that_the_browser_has_is_not_sent_again(assets: Assets) -> None:
    """By its tag, among others, weak, or by a star; another tag gets the file."""
    tag = by_name(get(assets, "page.js").fields)["etag"]
    for header in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        said = get(assets, "page.js", If_None_Match=header)
        assert (said.status, said.body) == (304, b"")
        assert by_name(said.fields)["etag"] == tag
    assert get(assets, "page.js", If_None_Match='"other"').status == 200
    assert get(assets, "style.css", If_None_Match=tag).status == 200


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../outside.js",
        "..%2foutside.js",
        "%2e%2e/outside.js",
        "..\\outside.js",
        "/etc/passwd",
        "./page.js",
        "page.js/",
        "page.js\x00",
        "page.js%00.css",
        "PAGE.JS",
        "page%2ejs",
        "inner",
        "inner/deep.js",
        "vendor",
        "vendor/",
        "vendor/notes.py",
        "vendor/inner/deep.js",
        "vendor/../page.js",
        "chart.js",
        ".hidden.js",
        "notes.py",
        "index.html",
        "missing.js",
    ],
)
def test_nothing_else_is_there(assets: Assets, name: str) -> None:
    """Neither by tricks with the path, nor what is of another kind, nor the page under its name."""
    with pytest.raises(NotFound):
        get(assets, name)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text() | st.lists(st.sampled_from(["..", "/", "%2f", "\\", "outside", ".js"])).map("".join)
)
def test_no_name_leads_out_of_the_folder(assets: Assets, name: str) -> None:
    """Whatever is asked for: it is one of three files, or nothing."""
    try:
        said = get(assets, name)
    except NotFound:
        return
    assert name in ("page.js", "style.css", "vendor/chart.js")
    assert said.status == 200


def test_a_page_that_is_not_there_is_told() -> None:
    """An installation without its files says so, with 404, and does not fall over."""
    with pytest.raises(NotFound):
        Assets(TOKEN, STATIC.parent).page()


def test_what_is_installed_is_of_types_that_are_served() -> None:
    """A file that nobody could get would be there for nothing."""
    kinds = {path.suffix for path in STATIC.rglob("*") if path.is_file()}
    assert kinds <= set(TYPES) | {".md"}


def test_what_others_wrote_lies_there_unchanged_with_its_licence() -> None:
    """Each file has its line with the sum that the package has, and nothing lies there besides."""
    folder = STATIC / VENDOR
    lines = re.findall(
        r"^\| (\S+) \| \S+ \| ([0-9a-f]{64}) \|$", (folder / "README.md").read_text("utf-8"), re.M
    )
    sums = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name != "README.md"
    }
    assert dict(lines) == sums
    assert "MIT License" in (folder / "uPlot.LICENSE.txt").read_text("utf-8")
