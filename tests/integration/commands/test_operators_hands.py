"""Dead letters, work and versions by command, on a machine with every room, in words and in JSON."""

import argparse
import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import pytest

from services.__main__ import main
from services.commands import dead_letters
from services.commands.asking import lasting, moment, one_line, plain
from services.commands.work import work_id
from services.local.postgres import Postgres
from services.local.postgres_roles import provision
from services.local.settings import as_if_told
from shared.clock import now
from shared.database.migrations import expected_head, upgrade_all
from shared.identifiers import new_id
from shared.messages.journal import JournalLinesV1, JournalLineV1
from shared.messages.routes import HEARD
from shared.messaging.consumer import Consumer
from shared.messaging.delivery import Delivery
from shared.messaging.lease import Piece
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import enqueue, lease
from shared.rooms import ROOMS
from tests.servers import Databases

pytestmark = pytest.mark.integration

Done = TypeVar("Done")

COPY = "storage.copy_aip"

CONTENT = b'{"file": "Acte \\u001b[31m.pdf"}'

TABLES = ("dead_letter", "inbox", "outbox", "work", "journal_head")


@dataclass
class Terminal:
    """Gives commands and keeps what they print; every room's database is at hand."""

    databases: Databases
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *command: str, status: int = 0) -> str:
        """Give a command, check its exit status, and return what it says, on either output."""
        self.capsys.readouterr()
        assert main(list(command)) == status
        said = self.capsys.readouterr()
        return said.out + said.err

    def json(self, *command: str, status: int = 0) -> Any:  # noqa: ANN401 (whatever a command answers)
        return json.loads(self(*command, "--json", status=status))

    def refused(self, *command: str) -> str:
        """Give a command that argparse does not take, and return what it says."""
        with pytest.raises(SystemExit) as ended:
            main(list(command))
        assert ended.value.code == 2
        return self.capsys.readouterr().err

    def within(self, room: str, do: Callable[[RoomDatabase], Awaitable[Done]]) -> Done:
        async def done() -> Done:
            database = self.databases.room(room)
            try:
                return await do(database)
            finally:
                await database.engine.dispose()

        return asyncio.run(done())

    def rows(self, query: str) -> list[dict[str, Any]]:
        return [dict(row) for row in asyncio.run(self.databases.as_superuser(query))]

    def lines(self, room: str) -> list[JournalLineV1]:
        """What a room has journaled, those lines aside that say that something was listed."""
        rows = self.rows(f"SELECT body FROM {room}.outbox WHERE topic = 'journal.lines.v1' ORDER BY message_id")  # noqa: S608
        batches = [JournalLinesV1.model_validate_json(row["body"]) for row in rows]
        return [line for batch in batches for line in batch.lines if not line.action.endswith(".listed")]

    def bury(
        self, consumer: str, body: bytes = b'{"file": "Acte \\u001b[31m.pdf"}', reason: str = "Rejected: no"
    ) -> UUID:
        """Put a message aside, as the consumer does, and return its identifier."""
        message_id, topic = new_id(), HEARD[consumer][0].topic
        delivery = Delivery(message_id, topic, body)
        self.within(consumer.partition(".")[0], lambda room: Consumer(consumer, room, {}).bury(delivery, reason))
        return message_id

    def ask(self, room: str, *keys: str) -> dict[str, str]:
        """Ask for work, and return key → how commands name it."""

        async def asked(database: RoomDatabase) -> None:
            async with database.begin() as tx:
                await enqueue(tx, "copy", *(Piece(key) for key in keys))

        self.within(room, asked)
        return {row["key"]: f"{room}:{row['id']}" for row in self.rows(f"SELECT id, key FROM {room}.work")}  # noqa: S608


@pytest.fixture(scope="module")
def machine(postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """The all-in-one of a folder, as commands find it: its database runs, with every room's tables."""
    asyncio.run(provision(postgres_server.superuser_url))
    made = Databases(postgres_server, "chartrier")
    upgrade_all(made.owner_url)
    home = tmp_path_factory.mktemp("home")
    state = home / "all-in-one"
    state.mkdir()
    (state / "postgres").symlink_to(postgres_server.folder)
    with as_if_told({"CHARTRIER_HOME": str(home)}):
        yield made


@pytest.fixture
def terminal(machine: Databases, capsys: pytest.CaptureFixture[str]) -> Terminal:
    tables = [
        f"{room}.{table}" for room in ROOMS for table in ("dead_letter", "inbox", "outbox", "work", "journal_head")
    ]
    asyncio.run(machine.as_superuser(f"TRUNCATE {', '.join(tables)}"))
    return Terminal(machine, capsys)


def test_dead_letters_of_every_room_are_counted_and_named(terminal: Terminal) -> None:
    assert terminal("dead-letters", "list") == "No dead letters.\n"
    first, second = terminal.bury(COPY), terminal.bury(COPY, reason="Crashes: delivered 20 times\nwithout an answer")
    other = terminal.bury("ingest.check_sip")

    said = terminal("dead-letters", "list")
    facts = terminal.json("dead-letters", "list", "--limit", "2")

    assert said.startswith("3 dead letters\n")
    assert re.search(rf"2 +{COPY} +aip\.built\.v1", said)
    assert all(str(one) in said for one in (first, second, other))
    assert "delivered 20 times without an answer" in said
    assert {(count["consumer"], count["letters"]) for count in facts["counts"]} == {
        (COPY, 2),
        ("ingest.check_sip", 1),
    }
    assert [letter["message_id"] for letter in facts["letters"]] == [str(other), str(second)]
    assert "1 more" in terminal("dead-letters", "list", "--limit", "2")


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        (("--room", "storage"), 1),
        (("--consumer", "ingest.check_sip"), 1),
        (("--topic", "aip.built.v1"), 1),
        (("--since", "1h"), 2),
        (("--since", "2099-01-01"), 0),
        (("--room", "proof"), 0),
    ],
)
def test_a_list_may_be_narrowed(terminal: Terminal, filters: tuple[str, ...], count: int) -> None:
    terminal.bury(COPY)
    terminal.bury("ingest.check_sip")

    assert len(terminal.json("dead-letters", "list", *filters)["letters"]) == count


def test_looking_leaves_a_line_in_the_journal(terminal: Terminal) -> None:
    one = terminal.bury(COPY)
    terminal("dead-letters", "list", "--room", "storage")
    terminal("work", "list", "--room", "ingest")
    terminal("dead-letters", "show", str(one))

    listed = terminal.rows("SELECT body FROM storage.outbox ORDER BY message_id")[0]["body"]
    assert JournalLinesV1.model_validate_json(listed).lines[0].details == {"letters": 1}
    assert len(terminal.rows("SELECT body FROM ingest.outbox")) == 1
    [shown] = terminal.lines("storage")
    assert (shown.action, shown.actor, shown.object) == ("dead_letter.shown", "operator:command", str(one))


def test_one_is_shown_with_its_content_and_commands_no_terminal(terminal: Terminal) -> None:
    one, no_json = terminal.bury(COPY), terminal.bury(COPY, b"\xff\x1b[2J plain")

    said = terminal("dead-letters", "show", str(one))

    assert "consumer  storage.copy_aip" in said
    assert "reason    Rejected: no" in said
    assert '"file": "Acte \\u001b[31m.pdf"' in said
    assert "\\xff\\x1b[2J plain" in terminal("dead-letters", "show", str(no_json))
    assert terminal.json("dead-letters", "show", str(one))["letters"][0]["body"] == {"file": "Acte \x1b[31m.pdf"}


def test_one_that_is_sent_again_is_in_the_outbox_for_its_consumer_alone(terminal: Terminal) -> None:
    one, other = terminal.bury(COPY), terminal.bury("ingest.check_sip")

    said = terminal("dead-letters", "replay", str(one), str(other))

    assert f"{one} sent again to {COPY}\n" in said
    query = "SELECT message_id, topic, consumer FROM {}.outbox WHERE consumer IS NOT NULL"
    assert terminal.rows(query.format("storage")) == [{"message_id": one, "topic": "aip.built.v1", "consumer": COPY}]
    assert [row["message_id"] for row in terminal.rows(query.format("ingest"))] == [other]
    assert [line.action for line in terminal.lines("storage")] == ["dead_letter.replayed"]
    assert "No dead letter" in terminal("dead-letters", "replay", str(one), status=1)


def test_all_of_one_consumer_are_sent_again_in_batches(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "BATCH", 2)
    sent = {terminal.bury(COPY) for _ in range(5)}
    handled, leaving = terminal.bury(COPY), terminal.bury(COPY)
    kept = terminal.bury("storage.keep_records")
    terminal.rows(f"INSERT INTO storage.inbox (message_id, consumer) VALUES ('{handled}', '{COPY}')")  # noqa: S608
    terminal.rows(f"INSERT INTO storage.outbox (message_id, topic, body) VALUES ('{leaving}', 'x', '')")  # noqa: S608

    facts = terminal.json("dead-letters", "replay", "--all", "--consumer", COPY, status=1)

    assert facts == {"consumer": COPY, "sent": 5, "handled": 1, "leaving": 1, "unheard": 0}
    rows = terminal.rows("SELECT message_id FROM storage.outbox WHERE consumer IS NOT NULL")
    assert {row["message_id"] for row in rows} == sent
    left = terminal.rows("SELECT message_id FROM storage.dead_letter")
    assert {row["message_id"] for row in left} == {leaving, kept}
    assert terminal("dead-letters", "replay", "--all", "--consumer", COPY, status=1).startswith("1 letter: is still")
    assert "has no dead letters" in terminal("dead-letters", "replay", "--all", "--consumer", "proof.keep_lines")


def test_what_two_consumers_gave_up_is_sent_to_the_one_that_is_meant(terminal: Terminal) -> None:
    one = terminal.bury("ingest.follow_aip")
    terminal.rows(
        f"""INSERT INTO data_management.dead_letter (message_id, consumer, topic, body, reason)
        SELECT message_id, 'data_management.take_aip', topic, body, reason FROM ingest.dead_letter
        WHERE message_id = '{one}'"""  # noqa: S608
    )

    said = terminal("dead-letters", "replay", str(one), status=1)
    assert "--consumer" in said
    assert "ingest.follow_aip" in said
    assert len(terminal.json("dead-letters", "show", str(one))["letters"]) == 2
    terminal("dead-letters", "replay", str(one), "--consumer", "ingest.follow_aip")

    assert terminal.rows("SELECT message_id FROM ingest.dead_letter") == []
    assert len(terminal.rows("SELECT message_id FROM data_management.dead_letter")) == 1


def test_a_dropped_one_is_gone_and_its_digest_journaled(terminal: Terminal) -> None:
    one = terminal.bury(COPY)

    assert terminal("dead-letters", "drop", str(one)) == f"{one} dropped from the letters of {COPY}\n"

    assert terminal.rows("SELECT * FROM storage.dead_letter") == []
    [line] = terminal.lines("storage")
    assert (line.action, line.details["reason"], len(str(line.details["sha512"]))) == (
        "dead_letter.dropped",
        "Rejected",
        128,
    )


@pytest.mark.parametrize("verb", ["show", "replay", "drop"])
def test_one_that_is_not_there_is_said_so_with_how_to_list(terminal: Terminal, verb: str) -> None:
    here, nowhere = terminal.bury(COPY), new_id()
    ids = [str(nowhere)] if verb == "show" else [str(here), str(nowhere)]

    said = terminal.json("dead-letters", verb, *ids, status=1)["error"]

    assert str(nowhere) in said
    assert "dead-letters list" in said
    # All or nothing: nothing was done to the other.
    assert len(terminal.rows("SELECT * FROM storage.dead_letter")) == 1


@pytest.mark.parametrize(
    ("command", "says", "status"),
    [
        (("replay",), "Name the letters", 2),
        (("replay", "--all"), "--consumer", 2),
        (("replay", "--all", "--consumer", COPY, str(UUID(int=7))), "no letters", 2),
        (("replay", "--all", "--consumer", "nonsense"), "nonsense is not among the rooms", 1),
    ],
)
def test_a_replay_that_is_not_clear_is_refused(
    terminal: Terminal, command: tuple[str, ...], says: str, status: int
) -> None:
    assert says in terminal("dead-letters", *command, status=status)


def test_work_is_listed_with_what_is_stuck(terminal: Terminal) -> None:
    assert terminal("work", "list") == "No work.\n"
    assert terminal("work", "list", "--stuck") == "No work is stuck or abandoned.\n"
    names = terminal.ask("storage", "old", "young")
    terminal.rows(
        """UPDATE storage.work SET created_at = now() - interval '3 hours', attempts = 180,
        last_error = 'TryAgain: site ' || chr(27) || '[31m away' WHERE key = 'old'"""
    )

    assert len(terminal.json("work", "list")["work"]) == 2
    [stuck] = terminal.json("work", "list", "--stuck")["work"]
    assert (stuck["id"], stuck["kind"], stuck["key"], stuck["attempts"]) == (names["old"], "copy", "old", 180)
    said = terminal("work", "list", "--stuck")
    assert re.search(rf"{names['old']} +copy +ready, stuck +3 h +180 +old +TryAgain: site \\x1b\[31m away", said)


def test_work_is_abandoned_and_resumed(terminal: Terminal) -> None:
    names = terminal.ask("storage", "a") | terminal.ask("ingest", "b")

    said = terminal("work", "abandon", *names.values())
    taken = terminal.within("storage", lambda room: lease(room, ["copy"], 10))
    [listed, _] = terminal.json("work", "list", "--stuck")["work"]
    resumed = terminal.json("work", "resume", names["a"])

    assert all(f"{name} abandoned" in said for name in names.values())
    assert taken == []
    assert listed["state"] == "abandoned"
    assert resumed == {"resumed": [names["a"]]}
    [held] = terminal.within("storage", lambda room: lease(room, ["copy"], 10))
    assert held.key == "a"
    assert [line.action for line in terminal.lines("storage")] == ["work.abandoned", "work.resumed"]
    assert [line.object for line in terminal.lines("ingest")] == ["b"]


def test_work_that_is_not_there_is_said_so_and_the_rest_left_alone(terminal: Terminal) -> None:
    names = terminal.ask("storage", "a")

    said = terminal("work", "abandon", names["a"], "storage:424242", status=1)

    assert "storage:424242" in said
    assert "nothing was done" in said
    assert terminal.json("work", "list", "--stuck") == {"work": []}
    assert terminal.lines("storage") == []
    assert "as storage:42" in terminal.refused("work", "resume", "42")


def test_the_version_says_what_it_expects_and_what_it_finds(terminal: Terminal, tmp_path: Path) -> None:
    facts = terminal.json("version")
    assert facts["version"]
    assert facts["migrations"] == {
        room: {"expected": expected_head(room), "found": expected_head(room)} for room in ROOMS
    }

    with as_if_told({"CHARTRIER_HOME": str(tmp_path)}):
        assert "not reached" in terminal("version")


def test_what_an_older_version_has_not_opened_to_the_room_is_not_reached(terminal: Terminal) -> None:
    terminal.rows("REVOKE SELECT ON proof.alembic_version FROM chartrier_proof")

    found = {room: said["found"] for room, said in terminal.json("version")["migrations"].items()}

    assert found.pop("proof") is None
    assert all(found.values())
    terminal.rows("GRANT SELECT ON proof.alembic_version TO chartrier_proof")


def test_what_a_drill_has_shown_is_put_on_record(terminal: Terminal) -> None:
    said = terminal(
        "drills", "note", "database", "--took-seconds", "1260", "--lost-seconds", "0", "--at", "2026-11-23"
    )
    failed = terminal.json("drills", "note", "site", "--took-seconds", "5", "--lost-seconds", "60", "--failed")

    assert said == "database: took 21 min, lost 0 s; on record.\n"
    assert (failed["subject"], failed["failed"], failed["lost_seconds"]) == ("site", True, 60)
    first, second = terminal.lines(ROOMS[0])
    assert (first.kind, first.action, first.outcome) == ("events", "recovery.drilled", "ok")
    assert first.details == {"tried_at": "2026-11-23T00:00:00.000Z", "took_seconds": 1260, "lost_seconds": 0}
    assert (second.object, second.outcome) == ("recovery:site", "ko")
    assert "no number of seconds" in terminal.refused("drills", "note", "site", "--took-seconds", "-1")


def test_moments_and_names_are_read_as_people_write_them() -> None:
    assert abs(moment("90m") - (now() - timedelta(minutes=90))) < timedelta(minutes=1)
    assert moment("2026-11-23").isoformat() == "2026-11-23T00:00:00+00:00"
    assert moment("2026-11-23T06:00:00Z").hour == 6
    for wrong in ("yesterday", "999999d", "5w", ""):
        with pytest.raises(argparse.ArgumentTypeError):
            moment(wrong)
    for wrong in ("42", "nowhere:1", "storage:", "storage:-1", f"storage:{2**63}"):
        with pytest.raises(argparse.ArgumentTypeError):
            work_id(wrong)
    assert [lasting(seconds) for seconds in (-5, 3, 600, 10_800, 864_000)] == ["-", "3 s", "10 min", "3 h", "10 d"]
    assert one_line("a\n b" + "c" * 300).startswith("a bc")
    assert len(one_line("c" * 300)) == 200
    assert plain("é\x1b\x85\n") == "é\\x1b\\x85\n"
