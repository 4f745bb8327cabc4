"""Whatever the folder and what is said of it, the package is one that the schemas and the archive take."""

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from chartrier_client import Level, check_sip
from chartrier_client.checking.schemas import load
from chartrier_client.command import main
from services.ingest.domain.instruments import Identification
from services.ingest.domain.limits import Limits
from services.ingest.pipeline.judge import judge
from services.ingest.pipeline.schema import load_schema
from tests import corpus_location
from tests.builders.sips import an_agreement

PLAIN = Identification("x-fmt/111", "Plain Text File", "text/plain")
TREES = settings(max_examples=60, deadline=None, database=None, derandomize=True)

# What a file system takes: no slash, no NUL; what it adds or forbids elsewhere is tested by name.
NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
    lambda name: name not in {".", ".."}
)
WORDS = st.text(st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="|\ufffe\uffff"), max_size=20).map(
    str.strip
)
DATES = st.dates().map(lambda day: f"{day:%d/%m/}{day.year:04}") | st.integers(1800, 2030).map(str) | st.just("")
COLUMNS = "chemin;titre;niveau;description;date de début;mot-clé 1;mot-clé 2;DUA;début DUA;sort final;communicabilité"


@dataclass(frozen=True)
class Tree:
    """Folders by name, contents of files by name."""

    files: dict[str, bytes]
    folders: "dict[str, Tree]"

    def write(self, place: Path) -> Iterator[str]:
        """Make it below `place`, and tell the paths."""
        for name, content in self.files.items():
            (place / name).write_bytes(content)
            yield name
        for name, below in self.folders.items():
            if name not in self.files:
                (place / name).mkdir()
                yield name
                yield from (f"{name}/{path}" for path in below.write(place / name))


CONTENTS = st.binary(max_size=40)
LEAVES = st.builds(Tree, st.dictionaries(NAMES, CONTENTS, max_size=3), st.just({}))
ANY_TREE = st.recursive(
    LEAVES,
    lambda below: st.builds(
        Tree, st.dictionaries(NAMES, CONTENTS, max_size=3), st.dictionaries(NAMES, below, max_size=3)
    ),
    max_leaves=8,
)
ROWS = st.tuples(
    WORDS,
    st.sampled_from(["", *Level, "Dossier", "pièce"]),
    WORDS,
    DATES,
    WORDS,
    WORDS,
    st.sampled_from([("", "", ""), ("DUA", "", "Keep"), ("DUA", "31/12/2020", "Détruire")]),
    WORDS,
)


def quoted(*cells: str) -> str:
    return ";".join('"' + cell.replace('"', '""') + '"' for cell in cells)


def described(draw: st.DataObject, paths: list[str]) -> str:
    """A metadata file about some of the paths, the folder itself among them."""
    # A cell is read without the blanks around it: such a path cannot be written in one.
    sayable = [path for path in paths if path == path.strip() and path.isprintable() and "\\" not in path]
    chosen = draw.draw(st.lists(st.sampled_from([".", *sayable]), unique=True, max_size=6))
    rows = [COLUMNS]
    for path in chosen:
        title, level, text, day, one, two, rule, access = draw.draw(ROWS)
        rows.append(quoted(path, title, level, text, day, one, two, *rule, access))
    return "\r\n".join(rows)


@TREES
@given(tree=ANY_TREE, draw=st.data(), version=st.sampled_from(["2.1", "2.2", "2.3"]))
def test_any_folder_makes_a_package_that_is_taken(tree: Tree, draw: st.DataObject, version: str) -> None:
    place = Path(tempfile.mkdtemp(prefix="tree-"))
    try:
        (place / "Dossier").mkdir()
        paths = list(tree.write(place / "Dossier"))
        (place / "m.csv").write_text(described(draw, paths), encoding="utf-8", newline="")
        agencies = ["--archival-agency", "ARCHIVES", "--transferring-agency", "MAIRIE", "--message-id", "M"]
        words = ["sip", "build", str(place / "Dossier"), str(place / "sip.zip"), "--metadata", str(place / "m.csv")]

        assert main([*words, *agencies, "--seda", version], {}) == 0

        sip = place / "sip.zip"
        with zipfile.ZipFile(sip) as package:
            manifest = etree.fromstring(package.read("manifest.xml"))
        load_schema(version).assertValid(manifest)
        if (official := corpus_location.find_official_xsd()) is not None:
            load(official, version).assertValid(manifest)
        assert check_sip(sip).findings == ()
        verdict = judge(sip, an_agreement(), {}, Limits(), lambda _: PLAIN, None)
        assert [finding for finding in verdict.findings if finding.severity == "error"] == []
    finally:
        shutil.rmtree(place)


def test_the_official_schemas_judge_these_packages_where_they_are_there() -> None:
    corpus_location.official_xsd_dir()
