"""A town whose software deposits without a pause, and remembers every answer it was given."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import httpx

from trials.levers import until
from trials.towns import Town, a_package

PAUSE = 0.1


class Flow:
    """One deposit after the other, each followed until it is accepted.

    What was not taken in is sent again, the same bytes: `answers` counts each status, and each broken connection
    by its name.
    """

    def __init__(self, town: Town, folder: Path) -> None:
        self.answers: Counter[int | str] = Counter()
        self.transfers: list[str] = []
        self._town = town
        self._folder = folder
        self._begun = 0
        self._accepted = 0
        self._over = Event()
        self._failure: BaseException | None = None

    def until_accepted(self, number: int = 1) -> None:
        """Wait until so many deposits that begin from now on are accepted."""
        wanted = self._begun + number

        def there() -> bool:
            if self._failure is not None:
                raise self._failure
            return self._accepted >= wanted

        until(there)

    def run(self) -> None:
        """Deposit until told that it is over; the last one is followed to its end."""
        try:
            with self._town.http() as http:
                while not self._over.is_set():
                    self._begun += 1
                    self._deposit(http)
                    self._accepted = self._begun
        except BaseException as error:  # noqa: BLE001 (raised again in the thread of whoever waits)
            self._failure = error

    def end(self) -> None:
        """Say that it is over."""
        self._over.set()

    def _deposit(self, http: httpx.Client) -> None:
        package = a_package(self._folder / f"{self._begun}.zip").read_bytes()
        to = {"agreement": self._town.agreement}
        while (taken := self._sent(http, "POST", "/ingest/v1/transfers", params=to, content=package)) is None:
            time.sleep(PAUSE)
        self.transfers.append(taken["id"])
        path = f"/ingest/v1/transfers/{taken['id']}"
        while (shown := self._sent(http, "GET", path)) is None or shown["state"] not in {"accepted", "rejected"}:
            time.sleep(PAUSE)

    def _sent(self, http: httpx.Client, method: str, path: str, **more: object) -> dict[str, str] | None:
        """Return what was answered; None where asking again may help."""
        try:
            answer = http.request(method, path, **more)  # type: ignore[arg-type]  # params and content alone
        except httpx.TransportError as error:
            self.answers[type(error).__name__] += 1
            return None
        self.answers[answer.status_code] += 1
        if answer.status_code in {502, 503}:
            return None
        told: dict[str, str] = answer.raise_for_status().json()
        return told


@contextmanager
def flowing(town: Town, folder: Path) -> Iterator[Flow]:
    """Let a town's deposits flow for as long as the block lasts."""
    flow = Flow(town, folder)
    thread = Thread(target=flow.run, name="flow")
    thread.start()
    try:
        yield flow
    finally:
        flow.end()
        thread.join()
