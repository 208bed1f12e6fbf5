"""Commands that show the calls of one kind: by model, slow, failed, or with tool calls."""

from __future__ import annotations

import logging

from mitmproxy import command, ctx
from mitmproxy.log import ALERT

logger = logging.getLogger(__name__)


class RelayFinding:
    """Each command sets the view's filter and gives it, for mitmweb's own search field."""

    @command.command("iflow.find.model")  # type: ignore[untyped-decorator]
    def model(self, name: str) -> str:
        """Show the calls whose model, asked for or run, has this in its name."""
        return show(with_model(name))

    @command.command("iflow.find.slow")  # type: ignore[untyped-decorator]
    def slow(self, seconds: int) -> str:
        """Show the calls that took this many seconds or more."""
        return show(slower_than(seconds))

    @command.command("iflow.find.failed")  # type: ignore[untyped-decorator]
    def failed(self) -> str:
        """Show the calls that failed."""
        return show('~meta "^iflow.error: "')

    @command.command("iflow.find.tools")  # type: ignore[untyped-decorator]
    def tools(self) -> str:
        """Show the calls in which the model called tools."""
        return show('~meta "^iflow.tools: "')


def show(expression: str) -> str:
    """Filter the view, where there is one, and say how many flows are left; gives the filter."""
    view = ctx.master.addons.get("view")
    if view is not None:
        from mitmproxy import flowfilter

        view.set_filter(flowfilter.parse(expression))
        logger.log(ALERT, "%d of %d flows: %s", len(view), view.store_count(), expression)
    return expression


def with_model(name: str) -> str:
    """mitmproxy's filter for a part of a model's name, whatever letters are in it."""
    # A quote or a backslash would need another escaping each way: a dot stands for any letter.
    letters = "".join(letter if letter.isalnum() or letter in "-_/" else "." for letter in name)
    return f'~meta "^iflow.model(.asked)?: .*{letters}"'


def slower_than(seconds: int) -> str:
    """mitmproxy's filter for durations of so many whole seconds or more."""
    return f'~meta "^iflow.duration: ({at_least(max(seconds, 0))})[.]"'


def at_least(number: int) -> str:
    """A regular expression for the whole numbers from this one on, without leading zeros."""
    digits = str(number)
    longer = f"[1-9][0-9]{{{len(digits)},}}"
    larger = [
        f"{digits[:place]}[{int(digit) + 1}-9][0-9]{{{len(digits) - place - 1}}}"
        for place, digit in enumerate(digits)
        if digit != "9"
    ]
    return "|".join([digits, *larger, longer])
