"""What has to be said beside the news that a login was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..files import short_path
from ..settings_file import Written


def notices(written: Written, overrides: Mapping[str, str], *, model: bool) -> Iterator[str]:
    """Sentences on where it was really written, what was kept, and what goes before it.

    `model` tells whether a model was written.
    """
    if written.link:
        real = short_path(written.path)
        yield f"{short_path(written.link)} is a link: what was written is {real}."
    if written.backup:
        yield f"The damaged file was kept as {short_path(written.backup)}."
    for value, origin in overrides.items():
        if value != "model" or model:
            yield (
                f"The {value} in use is still that of the {origin}: it goes before what was "
                "written."
            )
