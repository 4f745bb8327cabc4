"""What can be seen from outside: a deposit's traces on the sites, in staging and in the journals; the routes."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from services.local import stack
from services.local.room_settings import BUCKET
from services.rooms import ROOMS
from trials.towns import Archive

Seen = TypeVar("Seen")
Route = tuple[str, str]


def eventually(look: Callable[[], Seen], patience: float = 30.0) -> Seen:
    """Look until there is something to see; what was seen last is returned, even when patience has ended."""
    deadline = time.monotonic() + patience
    while not (seen := look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return seen


def stored_aips(archive: Archive, establishment: str) -> list[str]:
    """Every AIP that any site holds for an establishment, as ``<site> <file>``; asked of the sites themselves."""
    if archive.kind == "all-in-one":
        sites = {letter: archive.home / "all-in-one" / f"site-{letter}" / establishment / "aips" for letter in "ab"}
        return sorted(
            f"{letter} {path.name}" for letter, site in sites.items() for path in site.rglob("*") if path.is_file()
        )
    running = stack.load(archive.home)
    assert running is not None
    found = []
    for number, letter in enumerate("ab"):
        store = running.start_site(number).client()  # it runs: this only says where
        listed = store.list_objects(BUCKET, f"{establishment}/aips/", recursive=True, include_version=True)
        found += [f"{letter} {str(item.object_name).rpartition('/')[2]}" for item in listed]
    return sorted(found)


def staging(archive: Archive) -> Path:
    """The folder where deposits wait."""
    return archive.home / archive.kind / "staging"


def staged_for(archive: Archive, transfer_id: str) -> list[str]:
    """What staging holds of a transfer, its reply apart."""
    found = [path.relative_to(staging(archive)).as_posix() for path in staging(archive).rglob(f"*{transfer_id}*")]
    return sorted(name for name in found if name != f"replies/{transfer_id}.xml")


def unfinished(archive: Archive) -> set[str]:
    """Files of bodies that are still arriving, and scratch folders."""
    folder = staging(archive)
    return {path.name for place in (".arriving", ".scratch") for path in (folder / place).iterdir()}


def journal_lines(archive: Archive, establishment: str, kind: str = "archives") -> list[dict[str, Any]]:
    """The lines of an establishment's journal, as an archivist reads them."""
    path = f"/proof/v1/journals/{kind}.{establishment}/lines"
    with archive.http(archive.admin_token()) as http:
        lines: list[dict[str, Any]] = []
        after: int | None = 0
        while after is not None:
            answer = http.get(path, params={"after": after, "limit": 1000})
            if answer.status_code == 404:
                return []
            page = json.loads(answer.raise_for_status().content)
            lines += [item["line"] for item in page["items"]]
            after = page["next"]
    return lines


def described(archive: Archive) -> Iterator[tuple[Route, dict[str, Any]]]:
    """Every operation that a running archive says it has: method and path, and its description."""
    with archive.http(None) as http:
        for room in ROOMS:
            paths = http.get(f"/{room}/openapi.json").raise_for_status().json()["paths"]
            for path, operations in paths.items():
                for method, operation in operations.items():
                    yield (method.upper(), path), operation
