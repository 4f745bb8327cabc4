"""Whose turn it is: the statement that shares hands out among the owners of work.

    lane, kinds ──► owners with work ──► the oldest ready of each ──► by rank, then age ──► leased

The rank of a piece is how much of its owner's comes before it: what is in the asking process's hands, and what has
waited longer. Whoever has the fewest in hand comes first, and among those the oldest; so an owner with ten thousand
pieces waiting costs another, who asks for one, no more than the piece in front of it. With one owner it is plain
first come, first served.

Owners are found by leaps over the index, one for each, and the queue itself is never read: what a lease costs goes by
how many owners wait, not by how much does.
"""

from sqlalchemy import ARRAY, BigInteger, Float, Integer, Text, bindparam, text

from shared.database.plumbing import work

SPARE = 32
"""Pieces looked at beyond those wanted, in all: other processes may take the first ones at this very moment."""

_LEASED = ("id", "kind", "key", "epoch", "attempts", "payload", "cause", "trace", "owner", "lane")

# What may be leased is asked for twice, of what is looked at and of what is then locked: another may have had it.
LEASE = (
    text(
        f"""
    WITH RECURSIVE owners (kind, owner) AS (
        SELECT asked.kind, (SELECT min(work.owner) FROM work WHERE lane = :lane AND work.kind = asked.kind)
        FROM unnest(:kinds) AS asked (kind)
      UNION ALL
        SELECT owners.kind,
               (SELECT min(work.owner) FROM work
                WHERE lane = :lane AND work.kind = owners.kind AND work.owner > owners.owner)
        FROM owners WHERE owners.owner IS NOT NULL
    ),
    ready AS (
        SELECT oldest.id, owners.owner, oldest.not_before
        FROM owners CROSS JOIN LATERAL (
            SELECT id, not_before FROM work
            WHERE lane = :lane AND kind = owners.kind AND owner = owners.owner
              AND not_before <= now() AND (leased_until IS NULL OR leased_until < now())
            ORDER BY not_before
            LIMIT greatest(:most, (:most + {SPARE}) / (SELECT count(owner) FROM owners))
        ) AS oldest
        WHERE owners.owner IS NOT NULL
    ),
    ranked AS (
        SELECT ready.id, ready.not_before,
               coalesce(held.count, 0) + row_number() OVER (PARTITION BY owner ORDER BY ready.not_before) AS rank
        FROM ready LEFT JOIN unnest(:held_owners, :held_counts) AS held (owner, count) USING (owner)
    ),
    first AS (
        SELECT ARRAY (SELECT id FROM ranked ORDER BY rank, not_before, id LIMIT :most + {SPARE}) AS ids
    ),
    chosen AS (
        SELECT work.id FROM first JOIN work ON work.id = ANY (first.ids)
        WHERE work.not_before <= now() AND (work.leased_until IS NULL OR work.leased_until < now())
        ORDER BY array_position(first.ids, work.id)
        LIMIT :most
        FOR UPDATE OF work SKIP LOCKED
    )
    UPDATE work SET epoch = epoch + 1, attempts = attempts + 1,
                    leased_until = clock_timestamp() + :lease_seconds * interval '1 second'
    FROM chosen WHERE work.id = chosen.id
    RETURNING {", ".join(f"work.{name}" for name in _LEASED)}
    """  # noqa: S608 (what is put in is ours)
    )
    .bindparams(
        bindparam("lane", type_=Text),
        bindparam("kinds", type_=ARRAY(Text)),
        bindparam("most", type_=BigInteger),
        bindparam("lease_seconds", type_=Float),
        bindparam("held_owners", type_=ARRAY(Text)),
        bindparam("held_counts", type_=ARRAY(Integer)),
    )
    .columns(*(work.c[name] for name in _LEASED))
)
