"""What is wrong in a metadata file, told by row and column as a spreadsheet shows them."""

from collections.abc import Sequence
from dataclasses import dataclass

from chartrier_client.description import DescriptionError
from chartrier_client.language import Text


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: `row` counts from 1, the headers being row 1; `column` is a letter, "" for the whole row.

    `code` is stable; `client/README.md` lists them.
    """

    file: str
    row: int
    column: str
    header: str
    code: str
    reason: Text

    def text(self) -> Text:
        """Return file, row, column and reason as one line."""
        named = f" «{self.header}»" if self.header else ""
        fr = f", colonne {self.column}{named}" if self.column else ""
        en = f", column {self.column}{named}" if self.column else ""
        return Text(
            f"{self.file}, ligne {self.row}{fr} : {self.reason.fr}",
            f"{self.file}, row {self.row}{en}: {self.reason.en}",
        )


class MetadataError(DescriptionError):
    """A metadata file cannot be used; `faults` are all that is wrong with it, in the order of its rows."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: (fault.row, len(fault.column), fault.column)))
        count = len(self.faults)
        lines = [fault.text() for fault in self.faults]
        super().__init__(
            Text(
                "\n".join([f"le fichier de métadonnées a {count} défaut(s)", *(line.fr for line in lines)]),
                "\n".join([f"the metadata file has {count} fault(s)", *(line.en for line in lines)]),
            )
        )


def letters(index: int) -> str:
    """Return the name that a spreadsheet gives to a column, from its number counted from 0: A, B… Z, AA."""
    name = ""
    number = index + 1
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(ord("A") + rest) + name
    return name
