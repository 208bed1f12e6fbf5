"""Stands in for `iflow-relay intercept --private`: keeps its contract, and relays nothing.

It leaves notes in the folder that STAND_IN names: `started.json`, and `ended` with the reason.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

FOLDER = Path(os.environ["STAND_IN"])
MODE = os.environ.get("STAND_IN_MODE", "")


def note(name: str, text: str) -> None:
    """Leave a note, whole at once."""
    fresh = FOLDER / f"{name}.new"
    fresh.write_text(text, "utf-8")
    fresh.replace(FOLDER / name)


def end(number: int, frame: FrameType | None) -> None:
    if MODE != "stubborn":
        note("ended", signal.Signals(number).name)
        sys.exit(0)


def main() -> None:
    """Say where it would listen, and wait for the end of stdin."""
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, end)
    started = {"pid": os.getpid(), "arguments": sys.argv[1:], "environ": dict(os.environ)}
    note("started.json", json.dumps(started))
    if MODE == "fails":
        sys.exit("ERROR: iflow_timeout: 'x' is no number")
    if MODE == "noise":
        print("Listening", flush=True)
    while MODE == "silent" or (MODE == "held" and not (FOLDER / "go").exists()):
        time.sleep(0.01)
    ready = {
        "pid": os.getpid(),
        "endpoint": "http://127.0.0.1:1",
        "proxy": "http://127.0.0.1:2",
        "confdir": str(FOLDER / "conf"),
        "web": "http://127.0.0.1:3/?token=t" if "--web" in sys.argv else None,
    }
    print(json.dumps(ready), flush=True)
    sys.stdin.read()
    while MODE == "stubborn":
        time.sleep(0.01)
    note("ended", "stdin")


if __name__ == "__main__":
    main()
