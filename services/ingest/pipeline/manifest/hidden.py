"""Find the faults that hide behind others: libxml2 looks at no child that follows an unexpected one.

Only where that happened, the manifest is read once more, by the grammar made lenient (`services.ingest.pipeline.
lenient`). What is found so is added to what was: a manifest that is refused stays refused.
"""

from pathlib import Path
from typing import Final

from services.ingest.pipeline.lenient.grammar import FRAMES, load_lenient
from services.ingest.pipeline.manifest.schema_errors import SchemaError, schema_errors

_UNEXPECTED: Final = "This element is not expected."
_EXPECTED: Final = " Expected is "


def with_hidden(path: Path, named: tuple[str, str], errors: list[SchemaError], limit: int) -> list[SchemaError]:
    """Return the `errors` of the manifest at `path`, and those that they hide; `limit` of them, as they come in it.

    `named` are its version and its namespace.
    """
    if len(errors) >= limit or not any(_hides(error) for error in errors):
        return errors
    version, namespace = named
    lenient = load_lenient(version)
    if lenient is None:
        return errors
    more = schema_errors(path, lenient.schema, namespace, limit, lenient.contents)
    # What is said of one thing in both readings differs at most in what else is expected.
    each_once = {(error.position, error.message.partition(_EXPECTED)[0]): error for error in (*more, *errors)}
    return sorted(each_once.values(), key=lambda error: error.position)[:limit]


def _hides(error: SchemaError) -> bool:
    """Say whether others may hide behind an error: behind an element that may not stand in a frame."""
    parent = error.extract.path.split("/")[-2:-1]
    return _UNEXPECTED in error.message and (not parent or parent[0].partition("[")[0] in FRAMES)
