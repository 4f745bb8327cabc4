"""Our schemas and the official ones side by side: one document, one verdict, at the same lines."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from lxml import etree
from typing_extensions import override

from services.ingest.grammars import NAMESPACES, official_entry, own_grammar
from tests.contracts import seda_documents, seda_mutants

VERSIONS: Final = tuple(NAMESPACES)

Verdict = tuple[bool, list[int]]


class Difference(Exception):
    """The two sets do not agree; the text holds what each says, and the document."""


class _LocalCopies(etree.Resolver):
    """Gives the W3C schemas the official ones import from the web, as the W3C has them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @override
    def resolve(self, system_url: str | None, public_id: str | None, context: object) -> Any:
        if system_url is None or not system_url.startswith("http"):
            return None
        return self.resolve_filename(str(self._folder / system_url.rpartition("/")[2]), context)


@dataclass(slots=True)
class Pair:
    """Both grammars of one version, and what was compared by them so far: accepted, refused."""

    version: str
    official: etree.XMLSchema
    ours: etree.XMLSchema
    compared: Counter[str] = field(default_factory=Counter)

    def assert_same(self, documents: Iterable[bytes]) -> None:
        """Compare the verdicts on documents, one after the other. Raises `Difference` at the first."""
        for document in documents:
            # Two readings: validating marks the identifiers of a tree, and a second one would trust the marks.
            expected, got = verdict(self.official, document), verdict(self.ours, document)
            if got != expected:
                said = f"official: {self.official.error_log}\nours: {self.ours.error_log}"
                raise Difference(f"SEDA {self.version}: {expected} and {got}\n{said}\n{document.decode()}")
            self.compared["accepted" if got[0] else "refused"] += 1

    @override
    def __str__(self) -> str:
        """Return the counts in one line."""
        accepted, refused = self.compared["accepted"], self.compared["refused"]
        return (
            f"SEDA {self.version}: {accepted + refused} documents, {accepted} accepted and {refused} refused by both"
        )


def pair(official_xsd: Path, version: str) -> Pair:
    """Return both grammars of a version, compiled."""
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(_LocalCopies(official_xsd / "w3c"))
    official = etree.XMLSchema(etree.parse(official_xsd / official_entry(version), parser))
    return Pair(version, official, own_grammar(version))


def verdict(schema: etree.XMLSchema, document: bytes) -> Verdict:
    """Return whether a document is valid, and the lines of its errors."""
    # A mutant may carry one xml:id twice, which the parser itself would refuse.
    valid = schema.validate(etree.fromstring(document, etree.XMLParser(resolve_entities=False, recover=True)))
    return valid, sorted({error.line for error in schema.error_log})


def random_mutants(version: str, rng: Random, each: int) -> Iterator[bytes]:
    """Draw every message once, and spoil it at random in `each` ways."""
    names = seda_documents.vocabulary(version)
    for message in seda_documents.messages():
        document = seda_documents.draw(version, message, rng)
        yield from (seda_mutants.a_mutant(document, rng, names) for _ in range(each))


def every_place(version: str, rng: Random, share: int = 1) -> Iterator[bytes]:
    """Spoil, in every single way, every place of the grammar (parent, child); yield one mutant in `share`.

    Raises `Difference` at the end if an element was met nowhere.
    """
    seen: set[seda_mutants.Place] = set()
    for richness in (0.1, 0.2, 0.3, 0.4, 0.5):  # the small ones first: their mutants cost less
        for message in seda_documents.messages() * 8:
            document = seda_documents.draw(version, message, rng, richness)
            yield from (spoil() for spoil in seda_mutants.every_mutant(document, seen) if rng.randrange(share) == 0)
    met = {etree.QName(child).localname for _, child in seen}
    drawn = {name for name in seda_documents.vocabulary(version) if not name.endswith("Abstract")}
    if not drawn <= met:
        raise Difference(f"SEDA {version}: never met: {sorted(drawn - met)}")
