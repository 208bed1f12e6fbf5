# shellcheck shell=sh
# Makes .venv in the repository root, once. Sourced by the other scripts, with $root set.
#
# A start that finds everything done must cost nothing: is_ready runs no Python, only two
# `cmp`. .venv/setup holds copies of what .venv was made from; it is written last and
# removed first, so a .venv without it is half-made and never used.

venv=$root/.venv
stamp=$venv/setup

# is_ready runtime|dev: .venv was made from these files and holds what is asked for.
is_ready() {
    is_ours && [ -x "$venv/bin/iflow-relay" ] &&
        { [ "$1" = runtime ] || [ -e "$stamp/dev" ]; } &&
        cmp -s "$root/pyproject.toml" "$stamp/pyproject.toml" &&
        cmp -s "$root/scripts/constraints.txt" "$stamp/constraints.txt"
}

# A .venv made here, whose Python is still there. It names its folder in many places, so
# one that was moved along with its checkout is of no use.
is_ours() {
    [ -x "$venv/bin/python" ] && [ -r "$stamp/root" ] &&
        IFS= read -r made_in <"$stamp/root" && [ "$made_in" = "$root" ]
}

# set_up runtime|dev: makes or renews .venv unless it is ready.
set_up() {
    if is_ready "$1"; then return; fi
    find_python
    lock
    is_ready "$1" || make_venv "$1"
    exec 9<&-
}

# Two first runs at once: the second waits, then finds it done. The lock is on an open file
# and ends with this process however that ends, so there is no stale one. Where files
# cannot be locked (some network folders) the two are not kept apart.
lock() {
    exec 9<"$root/scripts/setup.sh"
    "$python" -c '
import fcntl
try:
    fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("Waiting for the set-up that another start has begun ...", flush=True)
    fcntl.flock(9, fcntl.LOCK_EX)
' 9<&9 >&2 2>/dev/null || :
}

make_venv() {
    echo "Setting up in .venv (once, about a minute) ..." >&2
    # With agents, so that everything in the README works from a checkout.
    wanted='.[agent]'
    if [ "$1" = dev ] || [ -e "$stamp/dev" ]; then wanted='.[dev]'; fi
    log=$(mktemp) || exit 1
    if fill_venv </dev/null >"$log" 2>&1; then
        rm -f "$log"
        return
    fi
    cat "$log" >&2
    rm -f "$log"
    rm -rf "$venv"
    echo "The set-up failed, see above; the next run starts it afresh." >&2
    exit 1
}

fill_venv() (
    cd "$root" || exit 1
    unset PIP_PREFIX PIP_TARGET PIP_USER PYTHONHOME PYTHONPATH VIRTUAL_ENV
    if is_ours; then
        rm -r "$stamp" && install_all && write_stamp && exit
    fi
    if [ "$uv" ]; then
        create_venv && install_all && write_stamp && exit
        echo "uv failed. It does not read pip's configuration, so pip may still work:"
        uv=
    fi
    create_venv && install_all && write_stamp
)

create_venv() {
    rm -rf "$venv" || return
    if [ "$uv" ]; then
        "$uv" venv --quiet --no-project --python "$python" "$venv"
    else
        "$python" -m venv "$venv"
    fi
}

# The build backend comes first and is not isolated: a build of its own would fetch
# another one, which no constraint holds.
install_all() {
    install hatchling && install --no-build-isolation --editable "$wanted"
}

install() {
    if [ "$uv" ]; then
        "$uv" pip install --compile-bytecode --python "$venv/bin/python" \
            --constraint scripts/constraints.txt "$@"
    else
        "$venv/bin/python" -m pip install --disable-pip-version-check \
            --constraint scripts/constraints.txt "$@"
    fi
}

write_stamp() {
    rm -rf "$stamp.new" && mkdir "$stamp.new" &&
        cp pyproject.toml scripts/constraints.txt "$stamp.new" &&
        printf '%s\n' "$root" >"$stamp.new/root" &&
        { [ "$wanted" != '.[dev]' ] || : >"$stamp.new/dev"; } &&
        mv "$stamp.new" "$stamp"
}

# Sets $uv (empty without it) and $python, or ends with a message.
find_python() {
    refused=
    # The pinned mitmproxy has no wheels for 3.15: left alone, uv would fetch just that.
    range='>=3.12,<3.15'
    uv=$(command -v uv) || uv=
    if [ "$uv" ]; then
        python=$(find_with_uv) && return
    fi
    search_path || search_pyenv && return
    if [ "$uv" ] && "$uv" python install --quiet "$range" >&2; then
        python=$(find_with_uv) && return
    fi
    explain_missing_python >&2
    exit 1
}

# Never an activated environment, nor what some project file above the current folder asks for.
find_with_uv() {
    "$uv" python find --quiet --system --no-project --no-python-downloads "$range" 2>/dev/null
}

# Every entry of PATH, not only the first: a pyenv shim may hide a Python that runs.
search_path() {
    for name in python3.14 python3.13 python3.12 python3; do
        rest=$PATH:
        while [ "$rest" ]; do
            folder=${rest%%:*}
            rest=${rest#*:}
            if is_usable "$folder/$name"; then return; fi
        done
    done
    return 1
}

search_pyenv() {
    for pyenv_root in "${PYENV_ROOT:-${HOME:-}/.pyenv}" "$(pyenv root 2>/dev/null)"; do
        # Newest first; the names are version numbers, so they hold no spaces.
        for version in $(list_versions "$pyenv_root"); do
            if is_usable "$pyenv_root/versions/$version/bin/python"; then return; fi
        done
    done
    return 1
}

list_versions() {
    for folder in "$1"/versions/3.*; do
        echo "${folder##*/}"
    done | sort -t . -k 2,2nr -k 3,3nr
}

# is_usable FILE: runs, is new enough and can make a venv. Sets $python, or adds to $refused.
is_usable() {
    case $1 in /*) ;; *) return 1 ;; esac
    [ -f "$1" ] && [ -x "$1" ] || return 1
    said=$("$1" -c '
import sys
if sys.version_info < (3, 12):
    print("is Python %d.%d" % sys.version_info[:2])
    sys.exit(3)
try:
    import ensurepip, venv
except ImportError:
    print("cannot make a venv (Debian, Ubuntu: install the package python3-venv)")
    sys.exit(3)
' 2>/dev/null </dev/null)
    case $? in
    0)
        python=$1
        return 0
        ;;
    3) ;;
    *) said="does not run" ;;
    esac
    refused="$refused  $1 $said
"
    return 1
}

explain_missing_python() {
    echo "This needs Python 3.12 or newer, and there is none that works."
    printf '%s' "$refused"
    cat <<'END'
Install one, then start this again:
  Debian, Ubuntu   sudo apt install python3 python3-venv
  Fedora           sudo dnf install python3
  macOS            brew install python@3.13
  Windows          winget install Python.Python.3.13
  anywhere         uv, which brings its own: https://docs.astral.sh/uv/
END
}
