"""What was made, sent or received is not younger than the transfer that brings it."""

import re
from collections.abc import Iterator

from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding
from services.ingest.domain.sip import Unit
from services.ingest.pipeline.date_bounds import surely_before
from services.ingest.pipeline.sip import Sip

# Found in the description's JSON text, without reading it all; a quote within a value has a backslash before it.
_DATED = re.compile(r'"((?:Created|Transacted|Acquired|Sent|Received|Registered)Date)":"([^"\\]{4,40})"')


def check_future_dates(sip: Sip) -> Iterator[Finding]:
    """Report dates of past acts that come after the transfer's own (its element Date): warnings, once an element."""
    return (finding for unit in sip.manifest.units for finding in _faults(sip, unit))


def _faults(sip: Sip, unit: Unit) -> Iterator[Finding]:
    transfer = sip.manifest.header.date
    later = {element: date for element, date in _DATED.findall(unit.content) if surely_before(transfer, date)}
    for element, date in later.items():
        yield found("UNIT_DATE_IN_FUTURE", sip.place(unit), element=element, date=date, transfer=transfer[:80])
