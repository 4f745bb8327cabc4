"""In which language a profile is written."""

from enum import StrEnum


class Kind(StrEnum):
    """W3C XML Schema 1.0 or 1.1, or RELAX NG (ISO/IEC 19757-2) in its XML syntax."""

    XSD_1_0 = "xsd-1.0"
    XSD_1_1 = "xsd-1.1"
    RELAXNG = "relaxng"
