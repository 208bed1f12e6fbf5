"""Sets one member of a settings file, and says what came of it: `settings_write.py FILE`."""

from __future__ import annotations

import sys
from pathlib import Path

from iflow_relay.errors import LoginError
from iflow_relay.settings_file import change_settings

try:
    print(change_settings(Path(sys.argv[1]), lambda _: {"apiKey": "new"}))
except LoginError as error:
    print(error.message)
