"""PRONOM identification by Siegfried, in process (`pygfried`)."""

from functools import cache
from importlib.metadata import version
from pathlib import Path

import pygfried

from services.ingest.domain.instruments import Identification


class Siegfried:
    """One scanner, loaded once (35 ms); it maps the file it reads into memory, so give it small ones."""

    def __init__(self) -> None:
        self._scanner = pygfried.Scanner()
        # What a PUID is called is told by the detailed answer only, which takes twice as long: asked once each.
        self._known: dict[str, Identification] = {}

    def identify(self, path: Path) -> Identification:
        """Return PRONOM's answer for the file at `path`: by signature, then by extension; the first of several.

        Raises `OSError` for a file that cannot be read at all: what is in it is never a reason.
        """
        try:
            puid = self._scanner.identify(str(path))
        except pygfried.EmptySourceError:
            return Identification(None)
        except pygfried.GoError:
            # What begins as a ZIP or an OLE2 and cannot be opened as one; the detailed answer tells it from a file
            # that could not be read.
            puid = None
        if puid in self._known:
            return self._known[puid]
        [result] = self._scanner.identify(str(path), detailed=True)["files"]
        matches, trouble = result["matches"], result.get("errors")
        if not matches and trouble:
            raise OSError(trouble)
        if not matches or matches[0]["id"] in {"", "UNKNOWN"}:
            return Identification(None, damaged=bool(trouble))
        match = matches[0]
        name = f"{match['format']} {match['version']}".strip()
        identified = Identification(match["id"], name or None, match["mime"] or None)
        if puid == match["id"]:
            self._known[match["id"]] = identified
        return identified

    @staticmethod
    @cache
    def software() -> dict[str, str]:
        """Return the names and versions of what identifies, as a build plan records them."""
        return {"siegfried": pygfried.version(), "pygfried": version("pygfried")}
