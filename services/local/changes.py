"""What a start has changed in what processes are told, in words: names of variables, never values."""

from collections.abc import Collection, Mapping

from services.local.stack_state import ProcessState, State


def lines(before: State | None, now: State | None, alive: Collection[str]) -> list[str]:
    """Return what to print: nothing where nothing changed. `alive` are the processes that ran before."""
    if before is None or now is None:
        return []
    changed = {name: one for name, one in before.all.items() if one.told and one != now.all.get(name)}
    variables = sorted({words for name, one in changed.items() for words in _words(one, now.all.get(name))})
    restarted = [name for name in changed if name in alive and name in now.all]
    return [
        *([f"Settings changed since the last start: {', '.join(variables)}."] if variables else []),
        *([f"Rooms restarted: {', '.join(restarted)}."] if restarted else []),
    ]


def _words(before: ProcessState, now: ProcessState | None) -> list[str]:
    said: Mapping[str, str] = before.told if now is None else now.told
    names = [name for name in before.told.keys() | said.keys() if before.told.get(name) != said.get(name)]
    return [f"{name} {_fate(name, before.told, said)}" for name in names]


def _fate(name: str, before: Mapping[str, str], now: Mapping[str, str]) -> str:
    if name not in now:
        return "is no longer set"
    return "changed" if name in before else "is new"
