"""One room of the archive as a process of its own."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from services.local import processes


@dataclass(frozen=True, slots=True)
class Room:
    """How to start one room, and where it answers."""

    name: str
    port: int
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path

    @property
    def url(self) -> str:
        """The room's own address, without the front door."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log_file(self) -> Path:
        """What the room writes on its output."""
        return self.folder / f"{self.name}.log"

    @property
    def mark(self) -> processes.Mark | None:
        """The process last started for this room, dead or alive."""
        return processes.read_mark(self._pid_file)

    @property
    def _pid_file(self) -> Path:
        return self.folder / f"{self.name}.pid"

    def is_alive(self) -> bool:
        """Tell whether its process runs."""
        return processes.is_alive(self.mark)

    def readiness(self) -> Mapping[str, Any]:
        """Return what the room says of itself: `status`, `checks`, `since`; nothing when it does not answer."""
        with suppress(httpx.HTTPError):
            answer = httpx.get(f"{self.url}/{self.name}/health/ready", timeout=5.0)
            with suppress(ValueError):
                said: Mapping[str, Any] = answer.json()
                return said
            return {"status": "ready"} if answer.is_success else {}
        return {}

    def is_ready(self) -> bool:
        """Ask the room whether it can work: its own process and all it depends on."""
        return self.readiness().get("status") == "ready"

    def launch(self) -> None:
        """Start the process if it does not run; it is not ready yet when this returns."""
        if self.is_alive():
            return
        self.kill()  # children left by a leader that died
        processes.spawn(processes.Launch(self.command, self.environment, self.folder, self._pid_file, self.log_file))

    def wait_ready(self, patience: float = 60.0) -> None:
        """Return once the room is ready; NotReadyError with what it waits for and its last lines otherwise."""
        wait = processes.Wait(f"The room {self.name}", self.log_file, patience, self.mark)
        try:
            processes.wait_until(self.is_ready, wait)
        except processes.NotReadyError as error:
            said = self.readiness()
            since = said.get("since", {})
            away = [f"It waits for {name} ({said['checks'][name]}) since {since[name]}." for name in since]
            raise processes.NotReadyError("\n".join([str(error), *away])) from None

    def start(self, patience: float = 60.0) -> None:
        """Start the room on its own port and wait until it is ready."""
        self.launch()
        self.wait_ready(patience)

    def stop(self, grace: float = 20.0) -> None:
        """Ask the room to finish what it holds, then end it."""
        if self.mark is not None:
            processes.terminate(self.mark, grace)

    def kill(self) -> None:
        """Kill the room and its child processes without warning, as kill -9 does."""
        if self.mark is not None:
            processes.kill(self.mark)
