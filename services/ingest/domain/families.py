"""The families of findings: the first word of a code says what it is about."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

FAMILIES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "CONTAINER": ("Le paquet", "The package"),
        "ANTIVIRUS": ("L’antivirus", "The antivirus"),
        "MANIFEST": ("Le bordereau", "The manifest"),
        "REFERENCE": ("Les identifiants et les références", "Identifiers and references"),
        "HEADER": ("L’en-tête et l’accord de versement", "The header and the agreement"),
        "AGENCY": ("Les services nommés dans le bordereau", "The agencies that the manifest names"),
        "OBJECT": ("Les objets et leurs fichiers", "Data objects and their files"),
        "FORMAT": ("Les formats", "Formats"),
        "SIGNATURE": ("Les signatures électroniques", "Electronic signatures"),
        "UNIT": ("Les unités d’archives", "Archive units"),
        "RULE": ("Les règles de gestion", "Management rules"),
        "DUPLICATE": ("Les versements déjà reçus", "Transfers received before"),
        "DECISION": ("La décision de l’archiviste", "The archivist’s decision"),
        "FINDINGS": ("La liste des constats", "The list of findings"),
    }
)
"""Each family's name in French and in English, in the order in which a package is read."""


def family_of(code: str) -> str:
    """Return the family of a code."""
    return code.partition("_")[0]
