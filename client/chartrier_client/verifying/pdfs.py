"""Attestations: PDF with PAdES signatures, verified by pyHanko without the network."""

import logging
from pathlib import Path
from typing import Final

from chartrier_client.verifying.checks import Subject
from chartrier_client.verifying.trust import Grounds

LARGEST: Final = 256 << 20


def judge_pdf(path: Path, grounds: Grounds, about: Subject) -> None:
    """Check every signature of a PDF; says what to install where pyHanko is missing. Raises `OSError`."""
    if path.stat().st_size > LARGEST:
        about.failed("pdf.signature", "too_large", limit=LARGEST)
        return
    try:
        from chartrier_client.verifying import pades  # noqa: PLC0415 (only here is pyHanko needed)
    except ModuleNotFoundError as error:
        about.could_not("pdf.signature", "not_installed", error.name or "pyhanko")
        return
    # pyHanko logs what it returns as well.
    for name in ("pyhanko", "pyhanko_certvalidator"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    pades.judge(path, grounds, about)
