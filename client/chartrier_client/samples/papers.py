"""Write an invented town's papers into folders: each a short PDF."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from pathlib import Path

from chartrier_client.samples.pdf import Paper, write_pdf
from chartrier_client.samples.town_hall import TOWN


def write_papers(folder: Path, papers: Iterable[tuple[str, str, date]]) -> list[Path]:
    """Write papers given as name (with sub-folders), text and day; returns where each is."""
    written = []
    for name, text, day in papers:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        paper = Paper(path.stem.replace("-", " "), TOWN, (text,), datetime.combine(day, time(9), UTC))
        path.write_bytes(write_pdf(paper))
        written.append(path)
    return written
