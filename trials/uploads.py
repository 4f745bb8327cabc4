"""One large deposit whose connection breaks again and again at random bytes: it ends accepted, bit for bit."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from bench.workloads import MIB, Series, large_file, large_sip
from services.local import files
from services.local.stack import Plan
from trials.deposits import PATIENCE, founded, standing
from trials.evidence import assert_accepted_once
from trials.levers import Levers
from trials.run import Figures, Run
from trials.towns import Town
from trials.uploading import Upload

EACH: Final = 256 * MIB
"""Bytes of the deposit for each cut: with 20 cuts it has 5 GiB."""

ROOM_DIES: Final = 0.25
"""How often it is not the connection that breaks, but the room that dies."""


def play(run: Run) -> Figures:
    """Upload it, cut at a random byte for each unit of work; `Amiss` where a byte is lost, or comes twice."""
    sip = _package(run)
    with standing(run, Plan()) as levers:
        town = founded(run, levers)
        upload = _upload(run, town, sip)
        for number in run.left:
            if run.is_over():
                break
            run.notebook.count(cut_once(levers, upload, run.chance(number), EACH))
            come = upload.until_free()
            run.notebook.note_done(number, str(come))
            run.notebook.note_time(run.spent)
            print(f"  cut {number + 1} of {run.count}: {come // MIB} of {upload.size // MIB} MiB", flush=True)
        run.heed()
        with _timed() as seconds:
            transfer = upload.finish(PATIENCE)
        assert_accepted_once(levers, town, [transfer], patience=PATIENCE)
        pieces = levers.stack.folder / "staging" / "pieces"
        return {
            "MiB of the deposit": upload.size // MIB,
            "seconds from the last request to the transfer": round(seconds[0], 1),
            "pieces left in staging": len(list(pieces.iterdir())),
            "rows of pieces left": levers.count("SELECT count(*) FROM ingest.upload_piece"),
        }


def cut_once(levers: Levers, upload: Upload, chance: random.Random, most: int) -> str:
    """Send up to `most` bytes of a longer request, break off, and say how."""
    begins = upload.until_free()
    sent = chance.randrange(1, max(2, min(most, upload.size - begins)))
    if chance.random() >= ROOM_DIES:
        upload.break_off(begins, sent)
        return "connections cut"
    upload.break_off(begins, sent, partial(levers.kill, "ingest"))
    levers.start("ingest")
    return "kill -9 of ingest in the middle of a request"


def _package(run: Run) -> Path:
    """Make the deposit of this run, once."""
    sip = run.folder / "sip.zip"
    if not sip.exists():
        series, draft = Series("uploads", run.notebook.progress.seed), run.folder / "draft.zip"
        large = large_file(series, run.count * EACH, run.folder / "large.bin")
        draft.unlink(missing_ok=True)
        large_sip(series, large, draft).rename(sip)
        large.unlink()
    return sip


def _upload(run: Run, town: Town, sip: Path) -> Upload:
    """Begin the upload of this run, or go on with it."""
    noted = run.folder / "upload.txt"
    if noted.exists():
        return Upload.of(town, sip, noted.read_text(encoding="utf-8"))
    upload = Upload.begin(town, sip)
    files.write_private(noted, upload.place)
    return upload


@contextmanager
def _timed() -> Iterator[list[float]]:
    began, seconds = time.monotonic(), [0.0]
    yield seconds
    seconds[0] = time.monotonic() - began
