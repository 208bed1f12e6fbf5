"""Capturing a program's connections in the system, and what to say where the system refuses."""

from __future__ import annotations

import logging
import os
import platform
import shutil
import sys

import click

LOCAL_KERNEL = (6, 8)
"""The oldest Linux on which mitmproxy can capture a program's connections."""

SOURCES = tuple(f"mitmproxy.packet_sources.{system}" for system in ("linux", "macos", "windows"))
"""The loggers of the programs by which mitmproxy captures."""

NEEDS = {
    "linux": "root, sudo, Linux 6.8 or newer, and a system that lets root attach eBPF programs to "
    "the root control group (most containers do not)",
    "darwin": "the approval of mitmproxy's network extension in System Settings, under General, "
    "Login Items & Extensions",
}


class Refusal(logging.Filter):
    """One sentence in place of pages from the capturing program; all of them at level DEBUG."""

    def __init__(self, *, verbose: bool) -> None:
        super().__init__()
        self._verbose = verbose

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno >= logging.ERROR:
            record.msg, record.args, record.exc_info = explain_refusal(sys.platform), (), None
            return True
        return self._verbose


def explain_refusal(system: str) -> str:
    """What capturing needs that the system did not give."""
    needs = NEEDS.get(system, "the rights of an administrator")
    return (
        f"The system refused to have connections captured (--app). That needs {needs}. "
        "`iflow-relay run -- PROGRAM` needs none of it."
    )


def check_capture() -> None:
    """Raise ClickException where it is clear that nothing can be captured here."""
    if sys.platform != "linux":
        return
    release = tuple(int(part) for part in platform.release().split("-")[0].split(".")[:2])
    missing = [
        *(["root"] if os.geteuid() != 0 else []),
        *([] if shutil.which("sudo") else ["the program sudo"]),
        *([f"a newer Linux than {platform.release()}"] if release < LOCAL_KERNEL else []),
    ]
    if missing:
        missed = ", ".join(missing)
        raise click.ClickException(f"{explain_refusal(sys.platform)} Missing here: {missed}.")


def watch_capture(*, verbose: bool) -> None:
    """Say in one sentence if the system refuses later."""
    for name in SOURCES:
        logging.getLogger(name).addFilter(Refusal(verbose=verbose))
