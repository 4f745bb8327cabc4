"""The grammars of SEDA, in our own words (`services/ingest/schemas/`), compiled for libxml2.

Norm: SEDA 2.1 (June 2018) and 2.2 (January 2022, amended in December 2022), all fifteen messages.
"""

from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from lxml import etree

SCHEMAS: Final = Path(__file__).parents[1] / "schemas"

NAMESPACES: Final = MappingProxyType(
    {version: f"fr:gouv:culture:archivesdefrance:seda:v{version}" for version in ("2.0", "2.1", "2.2", "2.3")}
)


class UnknownSedaVersion(ValueError):
    """We have no grammar for this version of SEDA; `version` is the one asked for."""

    def __init__(self, version: str) -> None:
        super().__init__(f"no schema for SEDA {version}: we know {', '.join(NAMESPACES)}")
        self.version = version


def version_of(namespace: str) -> str | None:
    """Return the version of SEDA this namespace names, or None when we do not know it."""
    return next((version for version, known in NAMESPACES.items() if known == namespace), None)


@cache
def load_schema(seda_version: str) -> etree.XMLSchema:
    """Return the compiled grammar of a version; it is compiled once a process and never reaches the network.

    The validator keeps the errors of its last document: share it between tasks only one document at a time.
    """
    if seda_version not in NAMESPACES:
        raise UnknownSedaVersion(seda_version)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    return etree.XMLSchema(etree.parse(SCHEMAS / f"seda-{seda_version}.xsd", parser))
