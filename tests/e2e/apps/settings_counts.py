"""Processes count up one member of a settings file: `settings_counts.py FILE PROCESSES TIMES`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from iflow_relay.settings_file import change_settings


def count(document: Mapping[str, Any]) -> dict[str, object]:
    return {"n": document.get("n", 0) + 1}


def main(path: Path, processes: int, times: int) -> None:
    pids = []
    for _ in range(processes):
        pid = os.fork()
        if not pid:
            for _ in range(times):
                change_settings(path, count)
            os._exit(0)
        pids.append(pid)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    sys.exit(max(codes, key=abs))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
