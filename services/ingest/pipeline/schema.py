"""Which grammar of SEDA judges a manifest: told by its namespace alone; ours, or the official one if so chosen."""

from functools import cache
from pathlib import Path

from lxml import etree

from services.ingest.grammars import NAMESPACES, SCHEMAS, official_entry, official_grammar, own_entry, own_grammar

__all__ = ["NAMESPACES", "SCHEMAS", "UnknownSedaVersion", "entry_of", "load_schema", "use_official", "version_of"]


class UnknownSedaVersion(ValueError):
    """We have no grammar for this version of SEDA; `version` is the one asked for."""

    def __init__(self, version: str) -> None:
        super().__init__(f"no schema for SEDA {version}: we know {', '.join(NAMESPACES)}")
        self.version = version


def version_of(namespace: str) -> str | None:
    """Return the version of SEDA this namespace names, or None when we do not know it."""
    return next((version for version, known in NAMESPACES.items() if known == namespace), None)


_official: Path | None = None


def use_official(folder: Path | None) -> None:
    """Judge by the official files of `folder` in this process from now on; None: by ours."""
    global _official  # noqa: PLW0603 (chosen once, when a process that judges begins)
    _official = folder
    load_schema.cache_clear()


def entry_of(seda_version: str) -> Path:
    """Return the file in which the grammar that judges a version begins."""
    return own_entry(seda_version) if _official is None else _official / official_entry(seda_version)


@cache
def load_schema(seda_version: str) -> etree.XMLSchema:
    """Return the compiled grammar of a version; it is compiled once a process and never reaches the network.

    The validator keeps the errors of its last document: share it between tasks only one document at a time.
    """
    if seda_version not in NAMESPACES:
        raise UnknownSedaVersion(seda_version)
    return own_grammar(seda_version) if _official is None else official_grammar(_official, seda_version)
