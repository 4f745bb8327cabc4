"""Acts from a table in CSV, as a spreadsheet saves it: UTF-8 or Windows-1252, semicolons, commas or tabs.

Columns, in any order, capitals and accents regardless: `date`, `numero`, `nature`, `matiere`, `objet`, `fichier`, and
where there are any `annexes` (several: `plan.pdf|devis.pdf`) and `ar`.
"""

import csv
import io
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from chartrier_client.language import Text
from chartrier_client.municipal.acts import Act, paper_in
from chartrier_client.municipal.fields import column_of, columns_of, day_fault, day_of, missing_faults
from chartrier_client.municipal.refusal import FlowError, refuse

REQUIRED = ("date", "numero", "nature", "matiere", "objet", "fichier")
BETWEEN_ANNEXES = "|"


def acts_in_table(table: Path) -> tuple[Act, ...]:
    """Read every line; the files they name are beside the table, or in folders below.

    Raises `FlowError` with the faults of all the lines, each with the line's number.
    """
    text = _text(table)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=_delimiter(text.partition("\n")[0]))
    headings = {column_of(heading) for heading in reader.fieldnames or ()}
    absent = [name for name in REQUIRED if name not in headings]
    if absent:
        named = ", ".join(absent)
        raise FlowError(table.name, [Text(f"colonnes absentes : {named}", f"columns that are missing: {named}")])
    acts: list[Act] = []
    faults: list[Text] = []
    for row in reader:
        try:
            acts.append(_act(row, table.parent))
        except FlowError as error:
            faults.extend(_on_line(reader.line_num, error))
    if not acts and not faults:
        faults = [Text("aucun acte", "no act")]
    if faults:
        raise FlowError(table.name, faults)
    return tuple(acts)


def _text(table: Path) -> str:
    content = table.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _delimiter(first_line: str) -> str:
    return max(";,\t", key=first_line.count)


def _act(row: dict[str | None, Any], folder: Path) -> Act:
    # Where a line has more cells than there are headings, csv gives the others under None.
    told = columns_of({heading: cell for heading, cell in row.items() if heading is not None})
    refuse(
        f"acte {told['numero']}",
        [
            Text("plus de cellules que de colonnes", "more cells than columns") if None in row else None,
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


def _on_line(number: int, error: FlowError) -> Iterator[Text]:
    for fault in error.faults:
        yield Text(f"ligne {number} : {fault.fr}", f"line {number}: {fault.en}")
