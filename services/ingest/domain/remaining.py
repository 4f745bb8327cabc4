"""What a finding may still tell once some units of its deposit were eliminated."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

# The package, the manifest or a line of it; perhaps with the XML identifier of what stands there (`Finding.place`).
_PLACE: Final = re.compile(r"(?:container|manifest\.xml(?::\d+)?)(?: (\S+))?")
_OF_HEADER: Final = "HEADER_"
_OF_UNITS: Final = "UNIT_"


def remaining(finding: Mapping[str, Any], is_left: Callable[[str], bool]) -> dict[str, Any]:
    """Return a finding as it is kept, without place and details unless it is certainly about something that is left.

    `is_left` says of an XML identifier whether it names no unit that went. Paths, and identifiers of objects, may be
    of such a unit: nobody here knows any more which objects were whose. Details may quote anything.
    """
    if finding["code"].startswith(_OF_HEADER):  # which is kept
        return dict(finding)
    place = _PLACE.fullmatch(finding["place"])
    named = None if place is None else place[1]
    certain = place is not None and (named is None or (finding["code"].startswith(_OF_UNITS) and is_left(named)))
    if certain and not finding["params"]:
        return dict(finding)
    return {**finding, "place": finding["place"] if certain else "", "params": {}}
