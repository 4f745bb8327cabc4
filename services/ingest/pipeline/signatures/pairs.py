"""Which file a detached signature is of: as the manifest says, or by their names."""

from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import unquote

from services.ingest.domain.sip import Manifest
from services.ingest.pipeline.container.names import clean_path

_SIGNING: Final = ("p7s", "p7m", "p7", "pkcs7", "xades", "xsig", "sig", "xml")
"""Extensions of detached signatures, which follow the name of their document or take the place of its extension."""


class Pairs:
    """The files of a package, and the documents that its detached signatures may be of."""

    def __init__(self, paths: Iterable[str], manifest: Manifest, located: Mapping[str, str]) -> None:
        self._paths = tuple(paths)
        self._known = frozenset(self._paths)
        self._told = _told(manifest, located)
        self._by_stem: dict[str, list[str]] = {}
        self._by_name: dict[str, list[str]] = {}
        for path in self._paths:
            self._by_stem.setdefault(_stem(path), []).append(path)
            self._by_name.setdefault(path.rpartition("/")[2], []).append(path)

    def documents_of(self, path: str) -> tuple[str, ...]:
        """Return those that the signature in the file at `path` may be of, the likeliest first.

        ``SignedDocumentReferenceId`` (SEDA 2.3) comes first, then ``x.pdf`` of ``x.pdf.p7s``, then the one other
        file that is called ``x`` of ``x.p7s``.
        """
        told = self._told.get(path, ())
        if told:
            return told
        name, _, extension = path.rpartition(".")
        if extension.lower() not in _SIGNING:
            return ()
        if name in self._known:
            return (name,)
        others = [each for each in self._by_stem.get(_stem(path), ()) if each != path and not is_cms(each)]
        return tuple(others) if len(others) == 1 else ()

    def named(self, path: str, uri: str) -> tuple[str, ...]:
        """Return those that the signature at `path` may call `uri`: the one beside it, else the one of that name.

        Else, those that `documents_of` knows.
        """
        folder = path.rpartition("/")[0]
        beside = clean_path(f"{folder}/{unquote(uri)}" if folder else unquote(uri))
        if beside in self._known:
            return (beside,)
        alike = self._by_name.get(unquote(uri).rpartition("/")[2], [])
        return tuple(alike) if len(alike) == 1 else self.documents_of(path)


def is_cms(path: str) -> bool:
    """Say whether a file is a CMS signature by its name."""
    return path.rpartition(".")[2].lower() in {"p7s", "p7m", "p7", "pkcs7"}


def _stem(path: str) -> str:
    folder, _, name = path.rpartition("/")
    return f"{folder}/{name.rpartition('.')[0] or name}"


def _told(manifest: Manifest, located: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return, for the files of a unit that names the units of its signed documents, the files of those."""
    links = [each for each in manifest.references if each.element == "SignedDocumentReferenceId"]
    if not links:
        return {}
    files = {unit.id: _files(unit.object_refs, manifest, located) for unit in manifest.units}
    targets: dict[str, list[str]] = {}
    for link in links:
        targets.setdefault(link.source, []).append(link.target)
    # One tuple a unit, however many files it has.
    told = {unit: tuple(path for each in to for path in files.get(each, ())) for unit, to in targets.items()}
    return {path: signed for unit, signed in told.items() for path in files.get(unit, ())}


def _files(objects: Iterable[str], manifest: Manifest, located: Mapping[str, str]) -> tuple[str, ...]:
    flat = (each for one in objects for each in manifest.groups.get(one, (one,)))
    return tuple(located[each] for each in flat if each in located)
