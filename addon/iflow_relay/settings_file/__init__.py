"""Changes settings.json, and files like it, without losing what others write there.

Rules:
1. Read, change and replace happen under a lock that all processes and threads of ours take. It is
   the system's own, on a file beside: whoever is killed lets go of it.
2. The new file is written and on disk before it takes the old one's place, in one step.
3. An editor knows nothing of the lock. So the file is read again as the last thing before it is
   replaced; if it has changed, all begins anew with what is there now. On Linux what was replaced
   is looked at as well, and put back if it is not what was read. Elsewhere what is saved between
   look and replacing, microseconds later, is lost; and everywhere what a program writes later yet
   into a file that it has held open since before.
4. A file that is no JSON may be one that is just being written: it is looked at again first.
5. A link stays, and the file that it leads to is replaced.
"""

from __future__ import annotations

from .change import Change as Change
from .change import Written as Written
from .change import change_settings as change_settings
from .lock import hold as hold
from .place import where as where
