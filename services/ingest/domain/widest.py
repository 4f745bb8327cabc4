"""How far an operator may widen the limits, and so what an AIP is built under."""

from typing import Final

from services.ingest.domain.limits import GIB, MIB, Limits

_BOUNDLESS: Final = 2**60

WIDEST: Final = Limits(
    max_files=10_000_000,
    max_expanded_bytes=_BOUNDLESS,
    max_ratio=_BOUNDLESS,
    ratio_floor=_BOUNDLESS,
    # Linux takes 4,095 bytes: that leaves 1,023 for the folders of the AIP (67), and for where it is unpacked.
    max_path_bytes=3072,
    max_manifest_bytes=2 * GIB,
    # Of one text libxml2 takes 10^9 bytes, in memory.
    max_manifest_gap=512 * MIB,
    # It counts twice, units within units and elements within a description; libxml2 goes 2,048 elements deep even
    # where its limits are lifted, and a description is read by a function that calls itself (Python: 1,000 times).
    max_manifest_depth=500,
    max_units=10_000_000,
    # Each level is a working copy of up to 64 MiB.
    max_archive_depth=16,
    # In memory three times as much, of XML thirteen times.
    max_signed_bytes=GIB,
    max_signed_xml_bytes=256 * MIB,
    max_objects=10_000_000,
    max_links=20_000_000,
    max_rules=20_000_000,
    max_open_elements=10_000_000,
    # lxml reads them in a time that is the square of their number.
    max_attributes=2_000,
)
"""The upper bound of each setting: beyond it something else gives way.

Whatever was accepted was accepted within it, whichever limits were set that day: so it is what building reads under,
and an operator who lowers a limit refuses nothing that is in hand.
"""
