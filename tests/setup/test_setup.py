"""The scripts that set themselves up, from outside: what they find, make, and leave alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# All that the scripts may need besides Python and uv.
TOOLS = ("cat", "cmp", "cp", "dirname", "mkdir", "mktemp", "mv", "readlink", "rm", "sh", "sort")

# Logs what it is asked to install; the console script that it makes prints its arguments, and
# says so if it still holds the lock of the set-up.
INSTALL = """
echo "install $*" >>"{log}"
cat >"$venv/bin/iflow-relay" <<'END'
#!{tools}/sh
echo "relay $*"
if (: <&9) 2>/dev/null; then echo "locked"; fi
END
chmod +x "$venv/bin/iflow-relay"
"""

# A Python that is a real one for `-c` and pretends to make venvs and to install.
GOOD = """\
#!{tools}/sh
case $2 in
venv)
    echo "venv by $0" >>"{log}"
    sleep {pause}
    mkdir -p "$3/bin"
    cp "$0" "$3/bin/python"
    ;;
pip)
    venv=${{0%/bin/python}}
    {install}
    ;;
*) exec "{real}" "$@" ;;
esac
"""

UV = """\
#!{tools}/sh
case "$1 $2" in
"python find") {found} ;;
"python install") echo "download" >>"{log}"; exit 1 ;;
venv*)
    echo "uv $*" >>"{log}"
    for venv in "$@"; do :; done
    mkdir -p "$venv/bin"
    cp "{good}" "$venv/bin/python"
    ;;
"pip install")
    {fails}
    venv={venv}
    {install}
    ;;
esac
"""

BROKEN = "#!{tools}/sh\necho 'pyenv: command not found' >&2\nexit 127\n"
OLD = "#!{tools}/sh\necho 'is Python 3.11'\nexit 3\n"


@dataclass
class Checkout:
    """A copy of the scripts and a machine on which only what a test puts there is installed."""

    root: Path
    tools: Path
    home: Path
    log: Path

    def add(self, path: Path, text: str, **values: object) -> None:
        """Put a fake program at `path`."""
        install = INSTALL.format(log=self.log, tools=self.tools)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            text.format(
                **{"pause": 0, **values},
                tools=self.tools,
                log=self.log,
                install=install,
                real=sys.executable,
                venv=f"'{self.root}/.venv'",
            )
        )
        path.chmod(0o755)

    def start(self, *arguments: str, script: Path | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [script or self.root / "scripts" / "iflow-relay", *arguments],
            env={"PATH": os.pathsep.join(self.path), "HOME": str(self.home)},
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, script: Path | None = None) -> tuple[int, str, str]:
        """Status, output and messages of one run."""
        process = self.start(*arguments, script=script)
        out, err = process.communicate(timeout=20)
        return process.returncode, out, err

    @property
    def path(self) -> list[str]:
        """Three folders, so that a program can stand behind another of the same name."""
        return [str(self.home / "first"), str(self.home / "second"), str(self.tools)]

    @property
    def first(self) -> Path:
        return self.home / "first"

    @property
    def second(self) -> Path:
        return self.home / "second"

    def logged(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    def maker(self) -> Path:
        """The Python that made the venv."""
        (line,) = [line for line in self.logged() if line.startswith("venv by ")]
        return Path(line.removeprefix("venv by "))


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    root = tmp_path / "my checkout"
    shutil.copytree(ROOT / "scripts", root / "scripts")
    (root / "pyproject.toml").write_text("# 1\n")
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in (*TOOLS, "chmod", "sleep"):
        (tools / name).symlink_to(shutil.which(name, path="/usr/bin:/bin") or name)
    home = tmp_path / "home"
    home.mkdir()
    return Checkout(root, tools, home, tmp_path / "log")


def test_the_first_run_sets_up_and_runs(checkout: Checkout) -> None:
    """One line of progress on stderr; stdout and arguments are the console script's own."""
    checkout.add(checkout.first / "python3.13", GOOD)
    assert checkout.run("serve", "a  b") == (
        0,
        "relay serve a  b\n",
        "Setting up in .venv (once, about a minute) ...\n",
    )


def test_the_second_run_sets_nothing_up(checkout: Checkout) -> None:
    """It needs no Python either: the one on PATH may be gone."""
    checkout.add(checkout.first / "python3.13", GOOD)
    checkout.run()
    before = checkout.logged()
    (checkout.first / "python3.13").unlink()
    assert checkout.run("models") == (0, "relay models\n", "")
    assert checkout.logged() == before


@pytest.mark.parametrize("name", ["python3.14", "python3.13", "python3.12", "python3"])
def test_each_name_of_python_is_found(checkout: Checkout, name: str) -> None:
    """Without any other Python on PATH."""
    checkout.add(checkout.second / name, GOOD)
    checkout.run()
    assert checkout.maker() == checkout.second / name


def test_the_newest_name_is_taken_first(checkout: Checkout) -> None:
    """Whatever the order of the folders on PATH."""
    checkout.add(checkout.first / "python3", GOOD)
    checkout.add(checkout.first / "python3.12", GOOD)
    checkout.add(checkout.second / "python3.13", GOOD)
    checkout.run()
    assert checkout.maker() == checkout.second / "python3.13"


@pytest.mark.parametrize("bad", [BROKEN, OLD])
def test_a_python_of_no_use_hides_no_good_one(checkout: Checkout, bad: str) -> None:
    """A shim that does not run, or an old Python, may stand before the right one."""
    checkout.add(checkout.first / "python3.13", bad)
    checkout.add(checkout.first / "python3", bad)
    checkout.add(checkout.second / "python3", GOOD)
    checkout.run()
    assert checkout.maker() == checkout.second / "python3"


@pytest.mark.parametrize(
    ("versions", "newest"),
    [
        (("3.12.9", "3.12.10"), "3.12.10"),
        (("3.12.10", "3.13.0"), "3.13.0"),
        (("3.9.18", "3.12.1"), "3.12.1"),
    ],
)
def test_pyenv_is_searched_newest_first(
    checkout: Checkout, versions: tuple[str, ...], newest: str
) -> None:
    """By number, not by letter; shims on PATH do not run until a version is chosen."""
    checkout.add(checkout.first / "python3", BROKEN)
    folder = checkout.home / ".pyenv" / "versions"
    for version in versions:
        checkout.add(folder / version / "bin" / "python", OLD if "3.9" in version else GOOD)
    checkout.run()
    assert checkout.maker() == folder / newest / "bin" / "python"


def test_without_python_the_message_says_what_to_do(checkout: Checkout) -> None:
    """What was tried and why not, then what to install; nothing is left behind."""
    checkout.add(checkout.first / "python3.13", BROKEN)
    checkout.add(checkout.first / "python3", OLD)
    status, out, err = checkout.run()
    assert (status, out) == (1, "")
    assert f"{checkout.first}/python3.13 does not run\n" in err
    assert f"{checkout.first}/python3 is Python 3.11\n" in err
    assert all(word in err for word in ("python3-venv", "dnf", "brew", "winget", "uv"))
    assert not (checkout.root / ".venv").exists()


def test_uv_makes_the_venv_where_it_is_installed(checkout: Checkout) -> None:
    """uv has the first word, although another Python is on PATH."""
    checkout.add(checkout.first / "python3.14", GOOD)
    good = checkout.home / "python"
    checkout.add(good, GOOD)
    checkout.add(checkout.first / "uv", UV, good=good, found=f"echo '{good}'", fails="")
    assert checkout.run("x")[:2] == (0, "relay x\n")
    venv = checkout.root / ".venv"
    assert checkout.logged()[0] == f"uv venv --quiet --no-project --python {good} {venv}"


def test_uv_is_given_the_python_that_it_does_not_find(checkout: Checkout) -> None:
    """uv fails on broken shims and does not look at pyenv; nothing is downloaded then."""
    good = checkout.home / ".pyenv" / "versions" / "3.12.1" / "bin" / "python"
    checkout.add(good, GOOD)
    checkout.add(checkout.first / "uv", UV, good=good, found="exit 2", fails="")
    assert checkout.run()[0] == 0
    assert f"--python {good}" in checkout.logged()[0]


def test_uv_fetches_a_python_only_where_there_is_none(checkout: Checkout) -> None:
    """And where it cannot, the message says what to install."""
    checkout.add(checkout.first / "uv", UV, good="", found="exit 2", fails="")
    status, _, err = checkout.run()
    assert checkout.logged() == ["download"]
    assert (status, "python3-venv" in err) == (1, True)


def test_pip_steps_in_where_uv_cannot_install(checkout: Checkout) -> None:
    """Only pip's configuration may name an index that can be reached."""
    good = checkout.first / "python3.13"
    checkout.add(good, GOOD)
    checkout.add(checkout.first / "uv", UV, good=good, found=f"echo '{good}'", fails="exit 2")
    assert checkout.run("x")[:2] == (0, "relay x\n")
    assert checkout.maker() == good


@pytest.mark.parametrize("changed", ["pyproject.toml", "scripts/constraints.txt"])
def test_a_change_of_what_is_installed_sets_up_again(checkout: Checkout, changed: str) -> None:
    """In the same venv, and once."""
    checkout.add(checkout.first / "python3.13", GOOD)
    checkout.run()
    with (checkout.root / changed).open("a") as file:
        file.write("# more\n")
    before = len(checkout.logged())
    assert checkout.run()[2].startswith("Setting up")
    again = checkout.logged()[before:]
    assert again
    assert not any(line.startswith("venv by") for line in again)
    assert checkout.run()[2] == ""


def test_the_tests_add_what_they_need_and_keep_the_rest(checkout: Checkout) -> None:
    """`dev` includes the runtime; a later change does not take it away."""
    checkout.add(checkout.first / "python3.13", GOOD)
    checkout.run()
    tests = checkout.root / "scripts" / "test"
    assert checkout.run(script=tests)[2].startswith("Setting up")
    assert checkout.logged()[-1].endswith("--editable .[dev]")
    assert "Setting up" not in checkout.run(script=tests)[2]
    assert checkout.run()[2] == ""
    (checkout.root / "pyproject.toml").write_text("# 2\n")
    checkout.run()
    assert checkout.logged()[-1].endswith("--editable .[dev]")


def test_a_failure_is_shown_and_leaves_nothing(checkout: Checkout) -> None:
    """Status 1 and the installer's own words; the next run begins anew."""
    checkout.add(checkout.first / "python3.13", GOOD.replace("{install}", "echo no index; exit 1"))
    status, out, err = checkout.run()
    assert (status, out) == (1, "")
    assert "no index" in err
    assert not (checkout.root / ".venv").exists()
    checkout.add(checkout.first / "python3.13", GOOD)
    assert checkout.run("x")[:2] == (0, "relay x\n")


def test_a_half_made_venv_is_made_anew(checkout: Checkout) -> None:
    """As a run leaves it that was killed."""
    checkout.add(checkout.first / "python3.13", GOOD)
    checkout.run()
    shutil.rmtree(checkout.root / ".venv" / "setup")
    (checkout.root / ".venv" / "leftover").touch()
    assert checkout.run("x")[:2] == (0, "relay x\n")
    assert not (checkout.root / ".venv" / "leftover").exists()


def test_a_moved_checkout_is_set_up_anew(checkout: Checkout) -> None:
    """Its venv names the old folder, which another checkout may hold by now."""
    checkout.add(checkout.first / "python3.13", GOOD)
    checkout.run()
    checkout.root = checkout.root.rename(checkout.root.with_name("elsewhere"))
    assert checkout.run("x")[2].startswith("Setting up")
    assert checkout.run("x") == (0, "relay x\n", "")


def test_two_first_runs_at_once_set_up_once(checkout: Checkout) -> None:
    """The second waits for the first and uses what it made."""
    checkout.add(checkout.first / "python3.13", GOOD, pause=1)
    both = [checkout.start("x"), checkout.start("x")]
    said = [process.communicate(timeout=20) for process in both]
    assert [out for out, _ in said] == ["relay x\n"] * 2
    assert sum(err.count("Setting up") for _, err in said) == 1


def test_a_start_writes_nothing_once_set_up(checkout: Checkout) -> None:
    """So the checkout may be read-only from then on."""
    checkout.add(checkout.first / "python3.13", GOOD)
    checkout.run()

    def state() -> dict[Path, int]:
        return {path: path.lstat().st_mtime_ns for path in checkout.root.parent.rglob("*")}

    before = state()
    assert checkout.run("x") == (0, "relay x\n", "")
    assert state() == before


def test_links_to_the_script_work(checkout: Checkout) -> None:
    """Absolute, relative, and one to the other; from a folder elsewhere."""
    checkout.add(checkout.first / "python3.13", GOOD)
    near = checkout.root / "scripts" / "near"
    near.symlink_to("iflow-relay")
    far = checkout.home / "far"
    far.symlink_to(near)
    assert checkout.run("x", script=far)[:2] == (0, "relay x\n")
    assert (checkout.root / ".venv").is_dir()


def test_the_wheel_holds_the_package_and_the_script(tmp_path: Path) -> None:
    """The script is no top-level module; nothing else of the checkout is in the wheel."""
    source = tmp_path / "source"
    source.mkdir()
    for name in ("LICENSE", "README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "addon", source / "addon", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=source,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("iflow_relay-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        (entries,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        assert b"iflow-relay = iflow_relay.cli:main" in archive.read(entries)
    package = source / "addon"
    expected = {
        str(path.relative_to(package))
        for path in package.rglob("iflow_relay/**/*")
        if path.is_file()
    }
    assert names == expected | {"iflow_relay/_script/iflow.py"}
