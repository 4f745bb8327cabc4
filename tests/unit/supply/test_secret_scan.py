"""A secret left in a file is found; what is harmless is cleared by a line with a reason, and no more than that."""

import secrets
import subprocess
from pathlib import Path

import pytest

from supply.secret_scan import Finding, Harmless, faults, files_of, harmless, scan, scan_together

KEY_HEAD = "-----BEGIN " + "PRIVATE KEY-----"
FOUND = Finding("services/room.py", 3, "Secret Keyword", "d1")


def planted(folder: Path, text: str) -> list[Finding]:
    (folder / "deep").mkdir()
    (folder / "deep" / "file.py").write_text(text, encoding="utf-8")
    return scan(folder, ["deep/file.py"])


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (f"KEY = '''{KEY_HEAD}", "Private Key"),
        (f"key = 'AKIA{'Q7' * 8}'", "AWS Access Key"),
        (f"url = 'amqp://chartrier:{secrets.token_urlsafe(12)}@broker/'", "Basic Auth Credentials"),
        (f"client_secret = '{secrets.token_urlsafe(32)}'", "Secret Keyword"),
        (f"x = '{secrets.token_hex(32)}'", "Hex High Entropy String"),
    ],
    ids=["private key", "cloud key", "address", "password", "digits"],
)
def test_a_planted_secret_is_found_where_it_lies(tmp_path: Path, line: str, kind: str) -> None:
    found = planted(tmp_path, f"# a module\n{line}\n")

    assert ("deep/file.py", 2, kind) in {(one.path, one.line, one.kind) for one in found}


def test_many_files_are_shared_out_and_none_is_left(tmp_path: Path) -> None:
    names = [f"{number}.py" for number in range(45)]
    for name in names:
        (tmp_path / name).write_text(f"x = '{secrets.token_hex(32)}'\n", encoding="utf-8")

    assert {one.path for one in scan_together(tmp_path, names)} == set(names)


def test_it_is_never_shown(tmp_path: Path) -> None:
    secret = secrets.token_hex(32)

    told = faults(planted(tmp_path, f"x = '{secret}'\n"), [])

    assert told
    assert secret not in "".join(told)


def test_an_honest_file_holds_none(tmp_path: Path) -> None:
    assert planted(tmp_path, "def secret_of(client):\n    return client.secret\n") == []


@pytest.mark.parametrize(
    ("entry", "cleared"),
    [
        (Harmless("services/*", "Secret Keyword", "why"), True),
        (Harmless("services/*", "Secret Keyword", "why", "d1"), True),
        (Harmless("services/*", "Secret Keyword", "why", "d2"), False),
        (Harmless("services/*", "Private Key", "why"), False),
        (Harmless("tests/*", "Secret Keyword", "why"), False),
    ],
)
def test_an_entry_clears_its_own_place_kind_and_text(entry: Harmless, cleared: bool) -> None:
    told = faults([FOUND], [entry])

    assert (told == []) is cleared


def test_an_entry_that_clears_nothing_is_refused() -> None:
    told = faults([], [Harmless("services/*", "Secret Keyword", "why")])

    assert told == ["supply/secrets.toml: services/*, Secret Keyword: clears nothing any more."]


def test_a_reason_is_due(tmp_path: Path) -> None:
    source = tmp_path / "secrets.toml"
    source.write_text('[[harmless]]\npath = "a"\nkind = "Private Key"\nreason = " "\n', encoding="utf-8")

    with pytest.raises(ValueError, match="without a reason"):
        harmless(source)


def test_our_own_entries_each_have_a_reason() -> None:
    assert harmless()


def test_what_is_about_to_be_added_is_looked_at_and_what_is_ignored_is_not(tmp_path: Path) -> None:
    subprocess.run(("git", "init", "--quiet", str(tmp_path)), check=True)  # noqa: S607 (git of the contributor)
    (tmp_path / ".gitignore").write_text("*.log\n", encoding="utf-8")
    for name in ("new.py", "noise.log", "requirements.lock"):
        (tmp_path / name).write_text("x\n", encoding="utf-8")

    assert files_of(tmp_path) == [".gitignore", "new.py"]


def test_without_a_clone_all_is_looked_at_but_what_tools_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    for name in ("deep/new.py", ".venv/lib/their.py", "deep/__pycache__/new.pyc", "requirements.lock"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x\n", encoding="utf-8")

    assert files_of(tmp_path) == ["deep/new.py"]
