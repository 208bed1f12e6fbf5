"""The order of the house: which room may import which, and what may lie where."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "addon" / "iflow_relay"


class Room(NamedTuple):
    """A module, or a folder of modules, at its level; imports point to lower levels only."""

    level: int
    beside: tuple[str, ...] = ()  # rooms of the same level that it may import all the same


ROOMS = {
    "__init__": Room(0),
    "agent": Room(5),
    "errors": Room(0, beside=("jsontext",)),
    "jsonedit": Room(1),
    "jsontext": Room(0),
    "mark": Room(1, beside=("jsonedit",)),
    "chunked": Room(1),
    "credential": Room(1),
    "inflate": Room(1, beside=("reader",)),
    "reader": Room(1),
    "refusal": Room(1),
    "settings": Room(1),
    "sse": Room(1),
    "troubles": Room(1),
    "catalog": Room(2),
    "child": Room(2),
    "dialects": Room(2),
    "environment": Room(2, beside=("routing",)),
    "framing": Room(2),
    "guard": Room(2, beside=("routing",)),
    "headers": Room(2),
    "interception": Room(3),
    "listen": Room(2),
    "next_proxy": Room(2),
    "oauth": Room(2),
    "pac": Room(3),
    "routing": Room(2),
    "shells": Room(2),
    "rhythm": Room(1),
    "snippets": Room(2),
    "summary": Room(2),
    "verification": Room(2),
    "tokens": Room(2),
    "config": Room(3),
    "options": Room(3),
    "pacing": Room(1),
    "metrics": Room(3),
    "recording": Room(3),
    "explanation": Room(4),
    "fetch": Room(3),
    "files": Room(0),
    "ledger": Room(3),
    "exchange": Room(3),
    "keeping": Room(4),
    "keycheck": Room(4),
    "library": Room(3),
    "presence": Room(3),
    "private": Room(3),
    "remembered": Room(3),
    "renewal": Room(4, beside=("session", "trade")),
    "trade": Room(4, beside=("session",)),
    "settings_file": Room(2),
    "store": Room(3),
    "succession": Room(3),
    "transcript": Room(3),
    "trust": Room(3),
    "session": Room(4),
    "system_proxy": Room(4),
    "console": Room(5),
    "offer": Room(5),
    "demo": Room(5),
    "doctor": Room(5, beside=("console", "demo")),
    "login": Room(5),
    "mitm": Room(5, beside=("agent", "web")),
    "trustfiles": Room(5),
    "upstreams": Room(2),
    "wire": Room(1),
    "web": Room(5, beside=("login", "offer")),
    "commands": Room(6),
    "cli": Room(7),
    "__main__": Room(8),
}

TOP_LEVEL = {
    ".ci",
    ".gitignore",
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "README.zh.md",
    "addon",
    "pyproject.toml",
    "scripts",
    "tests",
}

MAX_LINES = 300
VAGUE_NAMES = ("backend", "handler", "helper", "manager", "provider", "utils")

# In pieces, so that the search does not find this file.
OF_ONE_MACHINE = re.compile(
    "|".join(
        (
            r"(?<![\w.])/" + r"root/",
            r"(?<![\w.])/" + r"(?:home|Users)/\w+/",
            r"pypi\." + r"org/simple",
            r"python" + r"hosted\.",
            r"registry\." + r"npmjs\.",
        )
    )
)


class Import(NamedTuple):
    """One absolute name that a file imports."""

    line: int
    name: str
    lazy: bool  # inside a function


def read_imports(source: str, package: str) -> Iterator[Import]:
    """All imports in `source`, a module that lies in `package`; relative ones resolved."""

    def walk(node: ast.AST, lazy: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from (Import(child.lineno, alias.name, lazy) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                up = package.split(".")[: -child.level + 1 or None] if child.level else []
                base = ".".join([*up, *([child.module] if child.module else [])])
                # Whether `from a import b` names a module is not to be seen here.
                yield from (
                    Import(child.lineno, f"{base}.{alias.name}", lazy) for alias in child.names
                )
            inner = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from walk(child, lazy or inner)

    return walk(ast.parse(source), lazy=False)


class Module(NamedTuple):
    """One file of the package."""

    path: Path
    room: str
    imports: tuple[Import, ...]


def read_modules(package: Path) -> Iterator[Module]:
    for path in sorted(package.rglob("*.py")):
        folder = ".".join(path.parent.relative_to(package.parent).parts)
        room = path.relative_to(package).parts[0].removesuffix(".py")
        yield Module(path, room, tuple(read_imports(path.read_text("utf-8"), folder)))


def room_of(name: str, package: Path) -> str | None:
    """The room that an imported name lies in; None if it is not the package's."""
    first, *rest = name.split(".")
    if first != package.name:
        return None
    if rest and (rest[0] in ROOMS or (package / rest[0]).is_dir()):
        return rest[0]
    return rest[0] if rest and (package / f"{rest[0]}.py").exists() else "__init__"


def find_unknown_rooms(package: Path) -> list[str]:
    rooms = {module.room for module in read_modules(package)} - ROOMS.keys()
    return [f"{room}: put it into ROOMS in tests/test_house.py" for room in sorted(rooms)]


def find_upward_imports(package: Path, rooms: Mapping[str, Room] = ROOMS) -> list[str]:
    """Imports of a room that is not below the importing one; unknown rooms are left out."""
    found = []
    for module in read_modules(package):
        for item in module.imports:
            target = room_of(item.name, package)
            if target is None or target == module.room or not {target, module.room} <= rooms.keys():
                continue
            source = rooms[module.room]
            if rooms[target].level >= source.level and target not in source.beside:
                where = f"{module.path.relative_to(package)}:{item.line}"
                found.append(
                    f"{where}: {module.room} ({source.level})"
                    f" imports {target} ({rooms[target].level})"
                )
    return found


def find_mitmproxy_outside(package: Path) -> list[str]:
    """Imports of mitmproxy in other rooms than mitm; commands may start its programs."""
    return [
        f"{module.path.relative_to(package)}:{item.line}: {item.name}"
        for module in read_modules(package)
        for item in module.imports
        if item.name.split(".")[0] in {"mitmproxy", "mitmproxy_rs"}
        and module.room != "mitm"
        and not (
            module.room == "commands" and item.lazy and item.name.startswith("mitmproxy.tools.")
        )
    ]


def is_bare_script(source: str) -> bool:
    """True for one import of make_addons and `addons = make_addons()`, docstring aside."""
    tree = ast.parse(source)
    body = tree.body[1:] if ast.get_docstring(tree) is not None else tree.body
    if len(body) != 2 or not isinstance(body[0], ast.ImportFrom):
        return False
    names = [(alias.name, alias.asname) for alias in body[0].names]
    return names == [("make_addons", None)] and ast.unparse(body[1]) == "addons = make_addons()"


def find_unfit_files(package: Path) -> list[str]:
    """Modules that are too long or named after nothing in particular."""
    found = []
    for module in read_modules(package):
        name = module.path.relative_to(package)
        lines = len(module.path.read_text("utf-8").splitlines())
        if lines > MAX_LINES:
            found.append(f"{name}: {lines} lines, more than {MAX_LINES}; split it")
        if any(vague in module.path.stem for vague in VAGUE_NAMES):
            found.append(f"{name}: say what it is")
    return found


def find_traces(root: Path, names: Iterable[str]) -> list[str]:
    """Lines that name a folder of one machine or a package registry."""
    found = []
    for name in names:
        text = (root / name).read_bytes().decode("utf-8", "replace")
        for number, line in enumerate(text.split("\n"), 1):
            if match := OF_ONE_MACHINE.search(line):
                found.append(f"{name}:{number}: {match[0]}")
    return found


def find_strays(names: Iterable[str]) -> list[str]:
    return sorted({name.split("/")[0] for name in names} - TOP_LEVEL)


@pytest.fixture
def tracked() -> list[str]:
    """The tracked files that are still there."""
    try:
        out = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, stderr=subprocess.PIPE)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no git checkout")
    return [name for name in out.decode().split("\0") if name and (ROOT / name).is_file()]


def test_every_module_is_in_the_table_of_rooms() -> None:
    """A new room gets its level in ROOMS before anything imports it."""
    assert find_unknown_rooms(PACKAGE) == []


def test_imports_point_down_only() -> None:
    """No room imports a higher one, nor one of its level unless the table says so."""
    assert find_upward_imports(PACKAGE) == []


def test_only_mitm_imports_mitmproxy() -> None:
    """The rest of the package works, and is tested, without a proxy."""
    assert find_mitmproxy_outside(PACKAGE) == []


def test_the_script_makes_addons_and_nothing_else() -> None:
    """mitmproxy treats every function in the script whose name is a hook's as a hook."""
    assert is_bare_script((ROOT / "addon" / "iflow.py").read_text("utf-8"))


def test_modules_are_short_and_named_after_what_they_are() -> None:
    """A module fits in the head, and its name says what is in it."""
    assert find_unfit_files(PACKAGE) == []


def test_no_file_names_one_machine_or_a_registry(tracked: list[str]) -> None:
    """The checkout works on any machine, with any index."""
    assert find_traces(ROOT, tracked) == []


def test_nothing_stray_lies_at_the_top(tracked: list[str]) -> None:
    """The first view of the repository shows the map of the design."""
    assert find_strays(tracked) == []


def make_package(folder: Path, files: Mapping[str, str]) -> Path:
    package = folder / "iflow_relay"
    for name, source in files.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(source), "utf-8")
    return package


@pytest.mark.parametrize(
    ("name", "source", "found"),
    [
        ("sse.py", "from iflow_relay import session", ["sse.py:1: sse (1) imports session (4)"]),
        ("sse.py", "import iflow_relay.cli", ["sse.py:1: sse (1) imports cli (7)"]),
        ("sse.py", "from .mitm.route import x", ["sse.py:1: sse (1) imports mitm (5)"]),
        ("sse.py", "def f():\n    from . import cli", ["sse.py:2: sse (1) imports cli (7)"]),
        ("sse.py", "from .settings import x", ["sse.py:1: sse (1) imports settings (1)"]),
        ("dialects/chat.py", "from ..store import x", ["dialects/chat.py:1: dialects (2)"]),
        ("dialects/chat.py", "from . import tools\nfrom .tools import x", []),
        ("guard.py", "from .routing import x", []),
        ("session.py", "from . import __version__, sse\nfrom .errors import x", []),
        ("cli.py", "import json\nimport iflow_relay.mitm.options", []),
    ],
)
def test_an_upward_import_is_found(
    tmp_path: Path, name: str, source: str, found: list[str]
) -> None:
    """Each spelling of an import is seen; those that point down pass."""
    complaints = find_upward_imports(make_package(tmp_path, {name: source}))
    assert len(complaints) == len(found)
    assert all(text.startswith(start) for text, start in zip(complaints, found, strict=True))


def test_an_unknown_room_is_found(tmp_path: Path) -> None:
    """The message says where the new room belongs."""
    package = make_package(tmp_path, {"kitchen.py": "", "cellar/__init__.py": "", "sse.py": ""})
    assert find_unknown_rooms(package) == [
        "cellar: put it into ROOMS in tests/test_house.py",
        "kitchen: put it into ROOMS in tests/test_house.py",
    ]


@pytest.mark.parametrize(
    ("name", "source", "allowed"),
    [
        ("sse.py", "from mitmproxy import http", False),
        ("demo.py", "def f():\n    import mitmproxy_rs", False),
        ("commands/x.py", "from mitmproxy.tools import main", False),
        ("commands/x.py", "def f():\n    from mitmproxy import ctx", False),
        ("commands/x.py", "def f():\n    from mitmproxy.tools.main import mitmdump", True),
        ("mitm/route.py", "from mitmproxy import http", True),
    ],
)
def test_mitmproxy_elsewhere_is_found(
    tmp_path: Path, name: str, source: str, allowed: bool
) -> None:
    """Only mitm imports mitmproxy; commands may start its programs once asked to."""
    assert (find_mitmproxy_outside(make_package(tmp_path, {name: source})) == []) is allowed


@pytest.mark.parametrize(
    ("source", "bare"),
    [
        (
            '"""The script."""\nfrom iflow_relay.mitm import make_addons\naddons = make_addons()',
            True,
        ),
        ("from iflow_relay.mitm import make_addons\naddons = make_addons()\nx = 1", False),
        ("from iflow_relay.mitm import make_addons as m\naddons = m()", False),
        ("from iflow_relay.mitm import load, make_addons\naddons = make_addons()", False),
        ("from iflow_relay.mitm import make_addons\naddons = [*make_addons()]", False),
        ("", False),
    ],
)
def test_more_than_a_bare_script_is_found(source: str, bare: bool) -> None:
    """A docstring may stand on top; nothing else is let in."""
    assert is_bare_script(source) is bare


def test_long_and_vaguely_named_modules_are_found(tmp_path: Path) -> None:
    """300 lines pass, 301 do not; a vague word anywhere in the name does not."""
    package = make_package(
        tmp_path, {"sse.py": "\n" * 300, "store.py": "\n" * 301, "mitm/flow_utils.py": ""}
    )
    assert find_unfit_files(package) == [
        "mitm/flow_utils.py: say what it is",
        "store.py: 301 lines, more than 300; split it",
    ]


def test_traces_of_a_machine_are_found(tmp_path: Path) -> None:
    """Folders of one machine and registries are found; like-named URLs pass."""
    folders = ["/ro" + "ot/x", "/ho" + "me/me/x", "/Us" + "ers/me/x"]
    registries = ["https://pypi." + "org/simple", "https://files.python" + "hosted.org/x"]
    fine = ["https://example.com/root/x", "~/x", "/home", "$HOME/x", "\udcff"]
    bad = folders + registries
    text = "\n".join(bad + fine)
    (tmp_path / "notes").write_bytes(text.encode("utf-8", "surrogateescape"))
    lines = [complaint.split(":")[1] for complaint in find_traces(tmp_path, ["notes"])]
    assert lines == ["1", "2", "3", "4", "5"]


def test_strays_are_found() -> None:
    """Files and folders at the top count alike."""
    assert find_strays(["README.md", "addon/iflow.py", "notes.txt", "lib/x.py"]) == [
        "lib",
        "notes.txt",
    ]
