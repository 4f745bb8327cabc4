"""The parents that a file names by identifiers, as ReSIP does, beside those that the folder gives.

The tree of a package is its folder's: a file that says another is told so, rather than half believed.
"""

from collections.abc import Iterator, Mapping

from chartrier_client.language import Text
from chartrier_client.metadata.columns import Column
from chartrier_client.metadata.faults import Fault, letters
from chartrier_client.metadata.rows import Described


def parent_faults(file: str, columns: tuple[Column, ...], found: Mapping[str, Described]) -> Iterator[Fault]:
    """Compare the parents of the rows, by path, to the nearest folder above that has a row too.

    An empty cell says nothing, nor does a row that is its own parent; the parent of the topmost row may be elsewhere.
    """
    fields = {column.field: column for column in columns}
    if "row_id" not in fields:
        return
    paths: dict[str, str] = {}
    for path, row in found.items():
        if row.identifier and paths.setdefault(row.identifier, path) != path:
            first = found[paths[row.identifier]].row
            reason = Text(
                f"«{row.identifier}» est déjà l'identifiant de la ligne {first}",
                f"«{row.identifier}» is the identifier of row {first} already",
            )
            yield _fault(file, row, fields["row_id"], "ID_REPEATED", reason)
    for path, row in found.items():
        if not row.parent or row.parent == row.identifier:
            continue
        above, named = _above(path, found), paths.get(row.parent)
        if named is None and above is not None:
            reason = Text(
                f"aucune ligne n'a l'identifiant «{row.parent}»", f"no row has the identifier «{row.parent}»"
            )
            yield _fault(file, row, fields["parent_id"], "PARENT_ABSENT", reason)
        elif named != above:
            reason = Text(
                f"«{path}» n'est pas rangé dans «{named}» : un paquet suit l'arborescence de son dossier",
                f"«{path}» is not filed in «{named}»: a package follows the tree of its folder",
            )
            yield _fault(file, row, fields["parent_id"], "PARENT_ELSEWHERE", reason)


def _above(path: str, found: Mapping[str, Described]) -> str | None:
    while path != ".":
        path = path.rpartition("/")[0] or "."
        if path in found:
            return path
    return None


def _fault(file: str, row: Described, column: Column, code: str, reason: Text) -> Fault:
    return Fault(file, row.row, letters(column.index), column.header, code, reason)
