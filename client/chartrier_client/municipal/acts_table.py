"""Acts from a table in CSV, as a spreadsheet saves it: Unicode or Windows-1252, semicolons, commas or tabs.

Columns, in any order, capitals and accents regardless: `date`, `numero`, `nature`, `matiere`, `objet`, `fichier`, and
where there are any `annexes` (several: `plan.pdf|devis.pdf`) and `ar`. Others are the software's own, and not read.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from difflib import get_close_matches
from pathlib import Path

from chartrier_client.language import Text
from chartrier_client.metadata.cells import CellError
from chartrier_client.metadata.cells import text as words_of
from chartrier_client.metadata.faults import MetadataError
from chartrier_client.metadata.table import Row, dialect_of, opened_rows
from chartrier_client.municipal.acts import Act, paper_in
from chartrier_client.municipal.fields import column_of, columns_of, day_fault, day_of, missing_faults
from chartrier_client.municipal.refusal import FlowError, refuse

REQUIRED = ("date", "numero", "nature", "matiere", "objet", "fichier")
OPTIONAL = ("annexes", "ar")
BETWEEN_ANNEXES = "|"
# What stands where a program could not read a letter: the letter is lost, and the table is to be saved again.
LOST_LETTER = "\ufffd"


def acts_in_table(table: Path) -> tuple[Act, ...]:
    """Read every row; the files they name are beside the table, or in folders below.

    Raises `FlowError` with the faults of all the rows, each with its number: that of a spreadsheet, headings being 1.
    """
    acts: list[Act] = []
    faults: list[Text] = []
    try:
        with opened_rows(table, dialect_of(table)) as rows:
            headings = next(rows, Row(1, ())).cells
            refuse(table.name, _heading_faults(headings))
            for row in rows:
                try:
                    acts.append(_act(headings, row, table.parent))
                except FlowError as error:
                    faults.extend(_on_line(row.number, error.faults))
    except MetadataError as error:
        # Where the rows cannot be told apart any more: nothing after it was read.
        faults.extend(line for fault in error.faults for line in _on_line(fault.row, [fault.reason]))
    if not acts and not faults:
        faults = [Text("aucun acte", "no act")]
    refuse(table.name, faults)
    return tuple(acts)


def _heading_faults(headings: Sequence[str]) -> Iterator[Text]:
    names = [column_of(heading) for heading in headings]
    absent = ", ".join(name for name in REQUIRED if name not in names)
    if absent:
        yield Text(f"colonnes absentes : {absent}", f"columns that are missing: {absent}")
    for name in dict.fromkeys(name for name in names if name and names.count(name) > 1):
        yield Text(f"la colonne {name} est là deux fois", f"the column {name} is there twice")
    for name in names:
        near = [] if name in REQUIRED + OPTIONAL else get_close_matches(name, REQUIRED + OPTIONAL, 1, cutoff=0.75)
        if near:
            yield Text(
                f"la colonne {name} est inconnue ; peut-être {near[0]} ?",
                f"the column {name} is unknown; perhaps {near[0]}?",
            )


def _act(headings: Sequence[str], row: Row, folder: Path) -> Act:
    # A row that ends early has nothing under the last headings.
    cells = row.cells + ("",) * (len(headings) - len(row.cells))
    told = columns_of(dict(zip(headings, cells, strict=False)))
    refuse(
        f"acte {told['numero']}",
        [
            _length_fault(headings, row),
            *(_letter_fault(cell) for cell in row.cells),
            *missing_faults(told, REQUIRED),
            day_fault("date", told["date"]) if told["date"] else None,
        ],
    )
    annexes = [name.strip() for name in told.get("annexes", "").split(BETWEEN_ANNEXES) if name.strip()]
    return Act(
        day=day_of(told["date"]) or date.min,  # never the latter: it was refused above
        number=told["numero"],
        nature=told["nature"],
        matter=told["matiere"],
        subject=told["objet"],
        document=paper_in(folder, told["fichier"]),
        annexes=tuple(paper_in(folder, name) for name in annexes),
        receipt=told.get("ar") or None,
    )


def _length_fault(headings: Sequence[str], row: Row) -> Text | None:
    if not any(cell.strip() for cell in row.cells[len(headings) :]):
        return None
    return Text("plus de cellules que de colonnes", "more cells than columns")


def _letter_fault(cell: str) -> Text | None:
    if LOST_LETTER in cell:
        return Text(
            f"« {cell} » a perdu des lettres : enregistrez de nouveau la table, en UTF-8",
            f"“{cell}” has lost letters: save the table again, in UTF-8",
        )
    try:
        words_of(cell)
    except CellError as error:
        return error.reason
    return None


def _on_line(number: int, faults: Iterable[Text]) -> Iterator[Text]:
    for fault in faults:
        yield Text(f"ligne {number} : {fault.fr}", f"line {number}: {fault.en}")
