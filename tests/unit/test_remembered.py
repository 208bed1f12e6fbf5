"""What a shell held before is kept in the shell itself, and put back."""

from __future__ import annotations

from collections.abc import Mapping

from iflow_relay.remembered import SET, changes, remembering, restored


def applied(environ: Mapping[str, str], made: Mapping[str, str | None]) -> dict[str, str]:
    """The shell's environment after the lines have run."""
    after = {name: made.get(name, value) for name, value in environ.items()} | dict(made)
    return {name: value for name, value in after.items() if value is not None}


def entered(environ: Mapping[str, str], **variables: str) -> dict[str, str]:
    """The environment after `env` has set these."""
    return applied(environ, changes(environ, remembering(restored(environ), variables)))


BEFORE = {"HTTPS_PROXY": "http://corp:3128", "NO_PROXY": "", "HOME": "/h"}


def test_what_was_set_is_kept() -> None:
    """Under a name of its own; what was not set leaves no trace."""
    assert entered(BEFORE, HTTPS_PROXY="ours", NO_PROXY="ours", https_proxy="ours") == {
        "HOME": "/h",
        "HTTPS_PROXY": "ours",
        "https_proxy": "ours",
        "NO_PROXY": "ours",
        "IFLOW_RELAY_OLD_HTTPS_PROXY": "http://corp:3128",
        "IFLOW_RELAY_OLD_NO_PROXY": "",
        SET: "HTTPS_PROXY,NO_PROXY,https_proxy",
    }


def test_all_is_put_back() -> None:
    """The shell is as it was, to the empty value."""
    inside = entered(BEFORE, HTTPS_PROXY="ours", NO_PROXY="ours", https_proxy="ours")
    assert restored(inside) == BEFORE
    assert applied(inside, changes(inside, {})) == BEFORE


def test_twice_in_one_shell_is_as_once() -> None:
    """The relay's own values are never taken for the old ones."""
    once = entered(BEFORE, HTTPS_PROXY="first", https_proxy="first")
    twice = entered(once, HTTPS_PROXY="second", https_proxy="second")
    assert twice == entered(BEFORE, HTTPS_PROXY="second", https_proxy="second")
    assert restored(twice) == BEFORE


def test_what_the_second_time_does_not_set_is_put_back() -> None:
    """Nothing of the first is left over."""
    once = entered(BEFORE, HTTPS_PROXY="ours", https_proxy="ours", NO_PROXY="ours")
    assert entered(once, NO_PROXY="ours") == entered(BEFORE, NO_PROXY="ours")


def test_without_env_there_is_nothing_to_put_back() -> None:
    """The environment is left as it is."""
    assert restored(BEFORE) == BEFORE
    assert changes(BEFORE, {}) == {}


def test_only_variables_of_ours_are_touched() -> None:
    """The names come out of the environment and go into a shell."""
    environ = {SET: "HOME,NO_PROXY,$(reboot)", "NO_PROXY": "ours", "HOME": "/h"}
    assert changes(environ, {}) == {"NO_PROXY": None, SET: None}
