"""Compile a profile: libxml2 for XSD 1.0 and RELAX NG, xmlschema for XSD 1.1. A hostile one may take for ever.

So whoever calls is a process that may be killed.
"""

import tempfile
import warnings
from pathlib import Path
from typing import Any, Final, TypeAlias

import xmlschema
from lxml import etree

from shared.profiles.bundle import Bundle
from shared.profiles.documents import parser
from shared.profiles.faults import ProfileFault
from shared.profiles.kinds import Kind

Compiled: TypeAlias = etree.XMLSchema | etree.RelaxNG | xmlschema.XMLSchema11

_LONGEST: Final = 500


def compiled(bundle: Bundle, kind: Kind, scratch: Path | None = None) -> Compiled:
    """Return what judges a document by a profile whose documents were looked at (`documents.seda_versions`).

    Its documents lie in `scratch` meanwhile: whoever kills this process removes that.

    Raises `ProfileFault`, with line and reason as the compiler tells them.
    """
    # Compilers load what is included from files; here are those of the profile, and no others.
    with tempfile.TemporaryDirectory(prefix="profile-", dir=scratch) as folder:
        for name, content in bundle.documents.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        entry = Path(folder) / bundle.entry
        return _by_xmlschema(entry, bundle.entry) if kind is Kind.XSD_1_1 else _by_libxml2(entry, folder, kind)


def _by_libxml2(entry: Path, folder: str, kind: Kind) -> etree.XMLSchema | etree.RelaxNG:
    document = etree.parse(entry, parser())
    try:
        return etree.RelaxNG(document) if kind is Kind.RELAXNG else etree.XMLSchema(document)
    except (etree.RelaxNGParseError, etree.XMLSchemaParseError) as error:
        raise _as_libxml2_says(error, folder, entry) from error


def _as_libxml2_says(error: etree.LxmlError, folder: str, entry: Path) -> ProfileFault:
    """Tell the first thing that libxml2 could place: what it could not comes of it, or says less."""
    placed = [each for each in error.error_log if each.line > 0]
    if not placed:
        return _not_compiled(str(error), "", None, None)
    first = placed[0]
    document = (first.filename or "").partition(f"{folder}/")[2] or entry.name
    return _not_compiled(first.message, document, first.line, first.column or None)


def _by_xmlschema(entry: Path, name: str) -> xmlschema.XMLSchema11:
    try:
        return _read_by_xmlschema(entry, str(entry))
    except xmlschema.XMLSchemaParseError as error:
        line = _line_of(entry, error.message)
        raise _not_compiled(error.message, name if line else "", line, None, error.path or "") from error
    except MemoryError:
        raise
    except Exception as error:
        raise _not_compiled(str(error) or type(error).__name__, "", None, None) from error


def _read_by_xmlschema(entry: Path, source: Any) -> xmlschema.XMLSchema11:  # noqa: ANN401 (as it takes it)
    base = f"{entry.parent.as_uri()}/"
    with warnings.catch_warnings():
        # It warns of what it takes all the same; nobody would read that here.
        warnings.simplefilter("ignore")
        return xmlschema.XMLSchema11(source, base_url=base, allow="local", defuse="always", use_fallback=False)


def _line_of(entry: Path, message: str) -> int | None:
    """Return the line of a fault in the entry document: xmlschema knows it of trees of lxml alone.

    Of those it cannot read all that it can from a file; so the fault is told by the file.
    """
    try:
        _read_by_xmlschema(entry, etree.parse(entry, parser()))
    except xmlschema.XMLSchemaParseError as error:
        line: int | None = getattr(error.elem, "sourceline", None)
        return line if error.message == message else None
    except Exception:  # noqa: BLE001 (a line is worth no failure)
        return None
    return None


def _not_compiled(said: str, document: str, line: int | None, column: int | None, path: str = "") -> ProfileFault:
    reason = " ".join(said.split())[:_LONGEST] + (f" ({path[:200]})" if path else "")
    return ProfileFault(
        "profile_not_compiled",
        f"Le profil ne se compile pas : {reason}",
        f"The profile does not compile: {reason}",
        document,
        line,
        column,
    )
