"""The SIPs of the bench: made from a seed, so that two runs deposit the same bytes."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from chartrier_client.description import Envelope, Level, SourceFile, Unit
from chartrier_client.sip import SipBuilder

KIB = 1 << 10
MIB = 1 << 20

# One fixed day: the packages of two runs are the same to the byte.
DAY = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)

_WORDS = tuple(
    word
    for line in (
        "délibération conseil municipal budget primitif subvention voirie école cantine marché travaux éclairage",
        "arrêté circulation permis construire cimetière concession état civil recensement contrat agent paie mandat",
        "titre recette dépense bordereau convention assainissement réseau eau forêt chemin rural patrimoine église",
    )
    for word in line.split()
)

# What a small municipal deposit holds besides its PDF; the PDF fills the package up to its size.
_FLOW_SIZE = 8 * KIB
_AROUND = 4 * KIB  # the flow and the manifest, deflated, and the ZIP's own records


MakeSip = Callable[[int, Path], Path]
"""Writes the SIP of a number in a folder that nobody else uses at that time."""


@dataclass(frozen=True, slots=True)
class Series:
    """A family of SIPs that differ in everything from those of another name or seed."""

    name: str
    seed: int

    def draw(self, number: int) -> random.Random:
        """Return the source of chance of the SIP of this number."""
        return random.Random(f"{self.name}/{self.seed}/{number}")  # noqa: S311 (test data, not secrets)


class Stock:
    """SIPs made before anything is measured; making them is no part of any archive's work.

    They lie one after the other in one file: thousands of files would slow the disk when they go.
    """

    def __init__(self, make: MakeSip, count: int, folder: Path) -> None:
        folder.mkdir()
        self._make = make
        self._path = folder / "stock"
        self._ends = [0]
        with self._path.open("xb") as stock:
            for number in range(count):
                stock.write(make(number, folder).read_bytes())
                self._ends.append(stock.tell())

    def take(self, number: int, folder: Path) -> Path:
        """Return the SIP of a number, written in a folder; one that is not in stock is made now."""
        if number + 1 >= len(self._ends):
            return self._make(number, folder)
        begins, ends = self._ends[number : number + 2]
        with self._path.open("rb") as stock:
            stock.seek(begins)
            content = stock.read(ends - begins)
        sip = folder / "sip.zip"
        sip.write_bytes(content)
        return sip


def small_sip(series: Series, number: int, path: Path, size: int = 64 * KIB) -> Path:
    """Write a small deposit of about `size` bytes: a deliberation as PDF and an accounting flow as XML."""
    chance = series.draw(number)
    builder = SipBuilder(_envelope(series, number))
    root = builder.add_unit(_unit(chance, f"Dossier {number}", Level.FILE))
    act = builder.add_unit(_unit(chance, f"Délibération {number}"), root)
    flow = builder.add_unit(_unit(chance, f"Flux comptable {number}"), root)
    pdf_size = max(size - _AROUND, KIB)
    builder.add_file(act, SourceFile(f"deliberation-{number}.pdf", _pdf(chance, pdf_size), "application/pdf"))
    builder.add_file(flow, SourceFile(f"flux-{number}.xml", _xml(chance, _FLOW_SIZE), "text/xml"))
    return builder.write(path).path


def many_files(series: Series, count: int, size: int, folder: Path) -> list[Path]:
    """Write `count` text files of `size` bytes: the input of `many_sip`, and of its raw baseline."""
    chance = series.draw(0)
    places = [folder / f"piece-{number:05}.txt" for number in range(1, count + 1)]
    for place in places:
        place.write_bytes(_prose(chance, size))
    return places


def many_sip(series: Series, files: list[Path], path: Path) -> Path:
    """Write one SIP of these files, a unit each, a hundred units a folder."""
    chance = series.draw(1)
    builder = SipBuilder(_envelope(series, 1))
    root = builder.add_unit(_unit(chance, "Versement de nombreuses pièces", Level.RECORD_GROUP))
    folder = root
    for number, file in enumerate(files):
        if number % 100 == 0:
            folder = builder.add_unit(_unit(chance, f"Dossier {number // 100 + 1}", Level.FILE), root)
        unit = builder.add_unit(_unit(chance, f"Pièce {number + 1}"), folder)
        builder.add_file(unit, SourceFile(file.name, file, "text/plain"))
    return builder.write(path).path


def units_sip(series: Series, count: int, files: Sequence[Path], path: Path) -> Path:
    """Write one SIP of `count` units in folders of a hundred; these files are spread evenly over them."""
    chance = series.draw(1)
    builder = SipBuilder(_envelope(series, 1))
    root = builder.add_unit(_unit(chance, "Versement de nombreuses unités", Level.RECORD_GROUP))
    folder = root
    items = []
    for number in range(count - 1):
        if number % 100 == 0:
            folder = builder.add_unit(_unit(chance, f"Dossier {number // 100 + 1}", Level.FILE), root)
        else:
            items.append(builder.add_unit(_unit(chance, f"Pièce {number}"), folder))
    # Cut where the files end: there are as many items, or more.
    for item, file in zip(items[:: max(len(items) // len(files), 1)], files, strict=False):
        builder.add_file(item, SourceFile(file.name, file, "text/plain"))
    return builder.write(path).path


def large_file(series: Series, size: int, path: Path) -> Path:
    """Write one file of `size` bytes that no compression shrinks, never more than a chunk in memory."""
    with path.open("wb") as out:
        for chunk in _noise(series.draw(0), size):
            out.write(chunk)
    return path


def large_sip(series: Series, file: Path, path: Path) -> Path:
    """Write one SIP of this one file, stored and not deflated."""
    builder = SipBuilder(_envelope(series, 1))
    unit = builder.add_unit(_unit(series.draw(1), "Captation du conseil municipal"))
    builder.add_file(unit, SourceFile("captation.bin", file, "application/octet-stream"))
    return builder.write(path, compress=False).path


def _envelope(series: Series, number: int) -> Envelope:
    return Envelope(
        message_identifier=f"banc-{series.name}-{series.seed}-{number}",
        archival_agency="archives-banc",
        transferring_agency="logiciel-banc",
        originating_agency="commune-banc",
        date=DAY,
    )


def _unit(chance: random.Random, title: str, level: Level = Level.ITEM) -> Unit:
    return Unit(
        title=f"{title} : {' '.join(chance.choices(_WORDS, k=4))}",
        level=level,
        description=" ".join(chance.choices(_WORDS, k=20)),
        start_date=date(2020 + chance.randrange(6), 1 + chance.randrange(12), 1 + chance.randrange(28)),
    )


def _prose(chance: random.Random, size: int) -> bytes:
    words = " ".join(chance.choices(_WORDS, k=size // 4)).encode()
    # Cut on a byte, not a letter: what a cut leaves of one becomes a question mark of one byte.
    return words[:size].decode("utf-8", "ignore").encode().ljust(size, b"?")


def _noise(chance: random.Random, size: int) -> Iterator[bytes]:
    for done in range(0, size, MIB):
        yield chance.randbytes(min(MIB, size - done))


def _xml(chance: random.Random, size: int) -> bytes:
    lines = [b'<?xml version="1.0" encoding="UTF-8"?>\n<Flux>\n']
    while sum(map(len, lines)) < size:
        words = " ".join(chance.choices(_WORDS, k=6))
        lines.append(f"<Piece montant='{chance.randrange(100_000)}'>{words}</Piece>\n".encode())
    return b"".join([*lines, b"</Flux>\n"])


def _pdf(chance: random.Random, size: int) -> bytes:
    """Return a file that identifies as PDF; its one stream is noise, as a scanned page nearly is."""
    head = (
        b"%PDF-1.4\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n2 0 obj\n<</Type/Pages/Kids[]/Count 0>>\nendobj\n"
    )
    scan = chance.randbytes(size)
    body = head + b"3 0 obj\n<</Length %d>>\nstream\n" % len(scan) + scan + b"\nendstream\nendobj\n"
    return body + b"trailer\n<</Root 1 0 R/Size 4>>\nstartxref\n0\n%%EOF\n"
