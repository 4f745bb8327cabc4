"""Judge a manifest by the official schemas, which are not ours to give: whoever has them names their folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

from lxml import etree

from chartrier_client.checking.findings import LocalFinding, found
from chartrier_client.language import Text

# What the official files take from the web; it is looked for beside them.
_OF_THE_WEB: Final = ("xml.xsd", "xlink.xsd")
MOST_ERRORS: Final = 50


class SchemaError(ValueError):
    """The folder does not hold the schemas of this version; the text says what is looked for."""


class _Beside(etree.Resolver):
    """Gives the W3C's files from the folder; whatever else is on the web stays there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    # lxml answers with a type that has no name; typing has no `override` before Python 3.12.
    def resolve(  # type: ignore[explicit-override]
        self,
        system_url: str | None,
        public_id: str | None,  # noqa: ARG002 (lxml's signature)
        context: object,
    ) -> Any:  # noqa: ANN401
        name = (system_url or "").rpartition("/")[2]
        places = [self._folder / place / name for place in ("w3c", ".", "../w3c")]
        copy = next((place for place in places if place.is_file()), None) if name in _OF_THE_WEB else None
        return None if copy is None else self.resolve_filename(str(copy), context)


def load(folder: Path, version: str) -> etree.XMLSchema:
    """Compile the schema of a version from `FOLDER/2.2/seda-2.2-main.xsd` or `FOLDER/seda-2.2-main.xsd`."""
    name = f"seda-{version}-main.xsd"
    entry = next((place for place in (folder / version / name, folder / name) if place.is_file()), None)
    if entry is None:
        raise SchemaError(Text(f"{folder} ne contient pas {name}", f"{folder} does not hold {name}"))
    parser = _parser()
    parser.resolvers.add(_Beside(folder))
    try:
        return etree.XMLSchema(etree.parse(entry, parser))
    except (etree.XMLSyntaxError, etree.XMLSchemaParseError) as error:
        raise SchemaError(
            Text(
                f"{entry} ne se compile pas ; xml.xsd et xlink.xsd se mettent dans {folder}/w3c ({error})",
                f"{entry} does not compile; xml.xsd and xlink.xsd go into {folder}/w3c ({error})",
            )
        ) from error


def schema_findings(stream: IO[bytes], schema: etree.XMLSchema) -> Iterator[LocalFinding]:
    """Validate a manifest that is known to be well-formed and without DOCTYPE; the first errors only are told."""
    schema.validate(etree.parse(stream, _parser()))
    for error in list(schema.error_log)[:MOST_ERRORS]:
        yield found("MANIFEST_SCHEMA", f"manifest.xml:{error.line}", reason=error.message)


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
