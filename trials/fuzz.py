"""Nonsense for the readers of packages, as long as one likes: what is amiss is told with the seed that makes it."""

from collections.abc import Callable, Iterator
from random import Random
from typing import Final

from services.ingest.domain.limits import MIB
from tests.builders.sips import a_container
from tests.fuzzing import nasty_containers, nasty_manifests
from tests.fuzzing.by_chance import MAKERS
from tests.fuzzing.child import Child, Judged
from trials.levers import Amiss
from trials.run import Figures, Run

EACH: Final = 100
"""Packages in one unit of work."""

SIZE: Final = MIB
"""Of a package that is all one thing."""

_KEPT: Final = "package"

Case = tuple[str, Callable[[], bytes]]


def play(run: Run) -> Figures:
    """Judge every shape that is all one thing (the first units), then packages made by chance."""
    worst = {"seconds of processor": 0.0, "MiB of memory": 0.0}
    with Child() as child:
        for number in run.left:
            if run.is_over():
                break
            for name, make in _cases(run, number):
                judged = _judge(run, child, name, make)
                worst["seconds of processor"] = max(worst["seconds of processor"], judged.seconds)
                worst["MiB of memory"] = max(worst["MiB of memory"], judged.mebibytes)
            run.notebook.note_done(number, "well")
    run.heed()
    return {f"most {what} for one package": figure for what, figure in worst.items()}


def shapes() -> dict[str, Callable[[], bytes]]:
    """Return what is all one thing, by its name."""
    manifests = {f"manifest: {name}": _of(make) for name, make in nasty_manifests.NASTY.items()}
    return manifests | {f"container: {name}": _of(make) for name, make in nasty_containers.NASTY.items()}


def _of(make: Callable[[int], bytes]) -> Callable[[], bytes]:
    return lambda: make(SIZE)


def _cases(run: Run, number: int) -> Iterator[Case]:
    every = list(shapes().items())
    if number < len(every):
        yield every[number]
        return
    chance = run.chance(number)
    for _ in range(EACH):
        maker, seed = chance.choice(sorted(MAKERS)), chance.randrange(2**63)
        yield f"{maker}, seed {seed}", _drawn(maker, seed)


def _drawn(maker: str, seed: int) -> Callable[[], bytes]:
    return lambda: MAKERS[maker](Random(seed))  # noqa: S311 (which bytes are spoilt, no secret)


def _judge(run: Run, child: Child, name: str, make: Callable[[], bytes]) -> Judged:
    place, content = run.folder / _KEPT, make()
    if name.startswith("manifest: "):
        a_container(place, [("manifest.xml", content)])
    else:
        place.write_bytes(content)
    judged = child.judge(place)
    if judged.amiss:
        raise Amiss(f"{name}: {judged.amiss}\nThe package is left in the trial's folder, as {_KEPT}.")
    place.unlink()
    what = name.partition(",")[0].partition(":")[0]
    run.notebook.count(f"{what}: {'refused' if judged.refused else 'taken'}")
    return judged
