"""``keys list`` and ``keys rotate``: the keys that sign tokens, for any number of admin processes."""

import argparse
import asyncio
from datetime import datetime, timedelta

from services.admin.api.token import KEYS_MAX_AGE
from services.admin.domain.signing_key import KEPT_PUBLISHED, LEAD, KeyFacts, State, states
from services.admin.handlers import keys as handlers
from services.admin.handlers.journal import event
from services.admin.queries import keys as queries
from services.admin.sealing import Seal
from services.admin.signing import RELOAD_SECONDS
from services.commands.asking import table
from services.commands.frame import ACTOR, Answer, Commands, Fault, Place, add_command, at, opened, places
from shared.clock import rfc3339
from shared.identity.key_set import FRESH_SECONDS, REFRESH_SECONDS
from shared.settings import RoomSettings

ROOM = "admin"
NOTHING = "-"

TODAY, FORMER, ERASED, SHUT = "today's secret", "another secret", "erased", "does not open"
"""What opens the private half of a key; `FORMER` is one of CHARTRIER_INTERNAL_SECRETS_ALSO."""


def add_to(commands: Commands) -> None:
    """Add ``keys list`` and ``keys rotate``."""
    summary = "the keys that sign tokens: see them, replace them"
    below = commands.add_parser("keys", help=summary, description=summary).add_subparsers(
        required=True, metavar="what"
    )
    add_command(below, "list", "every signing key: its state, since when, until when", _list)
    rotate = add_command(below, "rotate", "publish a new signing key, which signs after two minutes", _rotate)
    rotate.add_argument("--now", action="store_true", help="let it sign at once; rooms may refuse it for seconds")
    rotate.add_argument(
        "--revoke", action="store_true", help="with --now: end every other key, and with it every token there is"
    )


def _admin() -> Place:
    here = places()
    if found := [place for place in here if place.room == ROOM]:
        return found[0]
    raise Fault(
        f"Signing keys are admin's, and this process speaks for {', '.join(place.room for place in here)}: "
        "run the command where admin runs, with its environment."
    )


def _seal(settings: RoomSettings) -> Seal:
    return Seal(settings.internal_secret.get_secret_value(), settings.former_and_next_secrets)


def _list(_: argparse.Namespace) -> Answer:
    with at(_admin()) as settings:
        facts = asyncio.run(_listed(settings))
    rows: list[tuple[str, ...]] = [("KEY", "STATE", "SINCE", "SIGNS FROM", "DROPS AT", "PRIVATE HALF")]
    rows += [tuple(str(cell or NOTHING) for cell in one.values()) for one in facts]
    lines = table(rows) if facts else ["No key yet: the first token that is asked for makes one."]
    if any(one["private_half"] in (FORMER, SHUT) for one in facts):
        lines.append(
            "Not all private halves are under today's secret. An admin process told it puts them there when it is "
            "next asked for its keys (/admin/v1/jwks.json); until then drop no CHARTRIER_INTERNAL_SECRETS_ALSO."
        )
    return Answer(facts, lines)


async def _listed(settings: RoomSettings) -> list[dict[str, str | None]]:
    seal = _seal(settings)
    async with opened(settings, ROOM) as database, database.begin() as tx:
        found, now = await queries.every(tx.connection)
        tx.journal(event("signing_key.listed", ACTOR, "keys:signing"))
    return [_shown(key, state, seal) for key, state in zip(found, states(found, now), strict=True)]


def _shown(key: KeyFacts, state: State, seal: Seal) -> dict[str, str | None]:
    return {
        "kid": key.kid,
        "state": state.value,
        "since": _text(_since(key, state)),
        "signs_from": _text(key.signs_from),
        "drops_at": _text(key.drops_at),
        "private_half": _private_half(key, seal),
    }


def _since(key: KeyFacts, state: State) -> datetime | None:
    if state is State.PUBLISHED:
        return key.created_at
    if state is State.SIGNING:
        return key.signs_from
    return key.retired_at if state is State.RETIRED else key.drops_at


def _private_half(key: KeyFacts, seal: Seal) -> str:
    if key.pkcs8 == queries.ERASED:
        return ERASED
    if seal.is_under_first(key.kid, key.pkcs8):
        return TODAY
    return FORMER if seal.open(key.kid, key.pkcs8) else SHUT


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else rfc3339(instant)


def _rotate(asked: argparse.Namespace) -> Answer:
    if asked.revoke and not asked.now:
        raise Fault("--revoke ends every key there is, so the new one has to sign at once: say --now --revoke.")
    with at(_admin()) as settings:
        done = asyncio.run(_rotated(settings, now=asked.now, revoke=asked.revoke))
    facts = {
        "kid": done.kid,
        "signs_from": rfc3339(done.signs_from),
        "retired": list(done.retired),
        "revoked": list(done.revoked),
    }
    return Answer(facts, _said(done, at_once=asked.now))


async def _rotated(settings: RoomSettings, *, now: bool, revoke: bool) -> handlers.Rotation:
    seal = _seal(settings)
    async with opened(settings, ROOM) as database:
        try:
            async with database.begin() as tx:
                if revoke:
                    return await handlers.revoke(tx, ACTOR, seal)
                return await handlers.rotate(tx, ACTOR, seal, timedelta(0) if now else LEAD)
        except handlers.AlreadyRotating as error:
            raise Fault(
                f"Key {error.kid} is published already and signs from {rfc3339(error.signs_from)}: let it. "
                "If a key has leaked, `keys rotate --now --revoke` waits for nothing."
            ) from error


def _said(done: handlers.Rotation, *, at_once: bool) -> list[str]:
    reload, refresh, fresh = round(RELOAD_SECONDS), round(REFRESH_SECONDS), round(FRESH_SECONDS)
    kept = round(KEPT_PUBLISHED.total_seconds() / 60)
    if done.lead:
        return [
            f"Key {done.kid} is published, and signs from {rfc3339(done.signs_from)}.",
            f"The one before signs until then, and stays published for {kept} minutes more: no request is refused.",
            "There is nothing else to do; `keys list` shows where it is.",
        ]
    lines = [f"Key {done.kid} signs now; every admin process follows within {reload} s."]
    lines += [f"Key {kid} signs no more; it stays published for {kept} minutes." for kid in done.retired]
    lines += [f"Key {kid} is revoked." for kid in done.revoked]
    if done.revoked:
        lines.append(
            f"Rooms believe no token of a revoked key after {fresh} s at most "
            f"({fresh + KEYS_MAX_AGE} s behind a cache): their clients get a 401 and ask for another."
        )
    if at_once:
        lines.append(f"For up to {refresh} s a room may not know the new key, and refuse its tokens (401).")
    return lines
