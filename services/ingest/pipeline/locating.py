"""Which file of the package each data object names."""

from collections.abc import Iterable, Iterator
from urllib.parse import unquote

from services.ingest.domain.sip import DataObject
from services.ingest.pipeline.container.names import clean_path, path_key


def locate(objects: Iterable[DataObject], paths: Iterable[str]) -> dict[str, str]:
    """Return the path of each object's file by the object's identifier; an object without a file is absent.

    A Uri is taken as written, or percent-decoded, whatever the Unicode form of its accents.
    """
    by_key = {path_key(path): path for path in paths}
    located: dict[str, str] = {}
    for found in objects:
        path = next((by_key[key] for key in _keys(found.uri or "") if key in by_key), None)
        if path is not None:
            located.setdefault(found.id, path)
    return located


_LONGEST = 16 * 1024
"""Characters of an address, each byte of the longest path escaped, and more; beyond it is no file's."""


def _keys(uri: str) -> Iterator[str]:
    if len(uri) > _LONGEST:
        return
    for spelling in (uri, unquote(uri)):
        yield path_key(clean_path(spelling))
