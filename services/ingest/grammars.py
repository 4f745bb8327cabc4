"""The grammars of SEDA as files: ours (`services/ingest/schemas/`), or the official ones an operator has.

Norm: SEDA 2.0 (December 2015), 2.1 (June 2018), 2.2 (January 2022, amended in December 2022) and 2.3 (June 2024), all
fifteen messages.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from lxml import etree
from typing_extensions import override

SCHEMAS: Final = Path(__file__).parent / "schemas"

NAMESPACES: Final = MappingProxyType(
    {version: f"fr:gouv:culture:archivesdefrance:seda:v{version}" for version in ("2.0", "2.1", "2.2", "2.3")}
)

COPIES: Final = MappingProxyType(
    {
        "http://www.w3.org/2001/xml.xsd": SCHEMAS / "xml.xsd",
        "http://www.w3.org/1999/xlink.xsd": SCHEMAS / "xlink.xsd",
    }
)
"""What the official files take from the web, and where we have it."""


class UnusableGrammar(ValueError):
    """A file is absent, or is no schema; the text says which version, and what libxml2 says of it."""


class _Copies(etree.Resolver):
    """Gives the copies we have; whatever else is on the web stays there."""

    @override
    def resolve(self, system_url: str | None, public_id: str | None, context: object) -> Any:
        copy = COPIES.get(system_url or "")
        return None if copy is None else self.resolve_filename(str(copy), context)


def own_grammar(version: str) -> etree.XMLSchema:
    """Return our grammar of a version of `NAMESPACES`, compiled."""
    return _compiled(own_entry(version))


def own_entry(version: str) -> Path:
    """Return where our grammar of a version begins."""
    return SCHEMAS / f"seda-{version}.xsd"


def official_grammar(folder: Path, version: str) -> etree.XMLSchema:
    """Return the official grammar of a version, compiled. Raises `UnusableGrammar` where it cannot be."""
    entry = folder / official_entry(version)
    try:
        return _compiled(entry)
    except (OSError, etree.XMLSyntaxError, etree.XMLSchemaParseError) as error:
        raise UnusableGrammar(f"{official_entry(version)}: {error}") from error


def official_entry(version: str) -> str:
    """Return where, in an operator's folder, the official grammar of a version begins."""
    return f"{version}/seda-{version}-main.xsd"


def documents_of(entry: Path) -> dict[str, etree._Element]:
    """Return the documents of a grammar by location, from that in which it begins on: what it includes, unexpanded.

    Raises `OSError` or `XMLSyntaxError` where one cannot be read.
    """
    documents: dict[str, etree._Element] = {}
    waiting = [entry]
    while waiting:
        location = waiting.pop()
        if str(location) not in documents:
            root = etree.parse(location, _parser()).getroot()
            documents[str(location)] = root
            included = root.iterchildren("{http://www.w3.org/2001/XMLSchema}include")
            waiting += [location.parent / each.get("schemaLocation", "") for each in included]
    return documents


def compiled(entry: Path, documents: Mapping[str, etree._Element]) -> etree.XMLSchema:
    """Return the grammar that begins at `entry` with `documents` in place of the files at their locations.

    Raises `XMLSchemaParseError` where they are no grammar.
    """
    parser = _parser()
    parser.resolvers.add(_InPlace(documents))
    return etree.XMLSchema(etree.parse(entry, parser))


class _InPlace(etree.Resolver):
    """Gives documents that are in memory."""

    def __init__(self, documents: Mapping[str, etree._Element]) -> None:
        self._documents = documents

    @override
    def resolve(self, system_url: str | None, public_id: str | None, context: object) -> Any:
        document = self._documents.get(system_url or "")
        return (
            None if document is None else self.resolve_string(etree.tostring(document), context, base_url=system_url)
        )


def _compiled(entry: Path) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(entry, _parser()))


def _parser() -> etree.XMLParser:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    parser.resolvers.add(_Copies())
    return parser
