"""The catalogue: AIPs, units, objects, French full text, row-level security, and the plumbing.

Two locks keep establishments apart. The first is the application's: every query names where it looks. The
second is row-level security on the setting ``chartrier.scope``, which each transaction makes: ``*``, or an
array of establishments; unset, nothing is visible.

Full text under row-level security never uses its index, because ``@@`` is not leakproof: so searching goes
through `search_units`, which runs as the owner (whom policies do not bind), applies the same setting itself,
and gives keys only; the rows are then read under the policies.
"""

from alembic import op

from shared.database.plumbing import create_plumbing_v1

revision = "0001"
down_revision = None

# Keys hold the establishment, as partitions by establishment will ask; ids come first: they are looked up.
TABLES = (
    """CREATE TABLE aip (
        aip_id uuid NOT NULL,
        establishment uuid NOT NULL,
        transfer_id uuid NOT NULL,
        version integer NOT NULL,
        catalogue_sha512 text NOT NULL,
        units integer NOT NULL,
        objects integer NOT NULL,
        head jsonb NOT NULL,
        catalogued_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (aip_id, establishment)
    )""",
    "CREATE INDEX ix_aip_transfer_id ON aip (transfer_id)",
    """CREATE TABLE unit (
        id uuid NOT NULL,
        establishment uuid NOT NULL,
        aip_id uuid NOT NULL,
        transfer_id uuid NOT NULL,
        position integer NOT NULL,
        depth integer NOT NULL,
        first_day date,
        last_day date,
        xml_id text NOT NULL,
        level text,
        title text,
        start_date text,
        end_date text,
        profile text,
        parents uuid[] NOT NULL,
        identifiers text[] NOT NULL,
        terms text[] NOT NULL,
        description text,
        rules jsonb NOT NULL,
        content jsonb NOT NULL,
        tsv tsvector NOT NULL GENERATED ALWAYS AS
            (search_vector(establishment, title, description, terms, identifiers)) STORED,
        PRIMARY KEY (id, establishment)
    )""",
    # Where newest first is told without a sort; an AIP's identifier grows with time.
    "CREATE INDEX ix_unit_aip_id_position ON unit (aip_id DESC, position)",
    "CREATE INDEX ix_unit_establishment_aip_id_position ON unit (establishment, aip_id DESC, position)",
    "CREATE INDEX ix_unit_tsv ON unit USING gin (tsv)",
    # Descriptions are repetitive JSON: compressed in their place, a row is one page read.
    "ALTER TABLE unit ALTER content SET STORAGE MAIN, ALTER tsv SET STORAGE MAIN",
    "ALTER TABLE unit SET (toast_tuple_target = 512)",
    # Faster than pglz where the server was built with it, which not every one was.
    """DO $$ BEGIN
        IF (SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression') THEN
            ALTER TABLE unit ALTER content SET COMPRESSION lz4, ALTER tsv SET COMPRESSION lz4,
                ALTER description SET COMPRESSION lz4, ALTER rules SET COMPRESSION lz4;
        END IF;
    END $$""",
    # The parser's guess (3 lexemes a row) is far off; a better one makes better plans.
    "ALTER TABLE unit ALTER tsv SET STATISTICS 500",
    """CREATE TABLE unit_child (
        parent_id uuid NOT NULL,
        position integer NOT NULL,
        establishment uuid NOT NULL,
        unit_id uuid NOT NULL,
        PRIMARY KEY (parent_id, position, establishment)
    )""",
    """CREATE TABLE object (
        id uuid NOT NULL,
        establishment uuid NOT NULL,
        aip_id uuid NOT NULL,
        transfer_id uuid NOT NULL,
        position integer NOT NULL,
        size bigint,
        file_offset bigint,
        xml_id text NOT NULL,
        kind text NOT NULL,
        group_id uuid,
        usage text,
        physical_id text,
        filename text,
        path text,
        sha512 text,
        puid text,
        format_name text,
        mime text,
        declared jsonb NOT NULL,
        PRIMARY KEY (id, establishment)
    )""",
    "CREATE INDEX ix_object_aip_id_position ON object (aip_id, position)",
    """CREATE TABLE unit_object (
        unit_id uuid NOT NULL,
        object_id uuid NOT NULL,
        establishment uuid NOT NULL,
        position integer NOT NULL,
        PRIMARY KEY (unit_id, object_id, establishment)
    )""",
)

# `unaccent` is made by the superuser who provisions the database; here it only joins a configuration of ours.
# A word keeps its accents for nobody: « délibérations », "deliberation" and "Délibération" are one lexeme.
WORDS = (
    "CREATE TEXT SEARCH CONFIGURATION french_words (COPY = pg_catalog.french)",
    """ALTER TEXT SEARCH CONFIGURATION french_words
        ALTER MAPPING FOR asciiword, word, asciihword, hword, hword_asciipart, hword_part
        WITH public.unaccent, pg_catalog.french_stem""",
    """ALTER TEXT SEARCH CONFIGURATION french_words
        ALTER MAPPING FOR numword, numhword, hword_numpart WITH public.unaccent, pg_catalog.simple""",
    # Names of files and numbers of acts are words joined by signs; the parser would keep them whole. A text
    # too long for one tsvector (1 MB) is searched by its beginning.
    r"""CREATE FUNCTION search_words(words text) RETURNS text
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        RETURN translate(left(words, 200000), '-_./\:@''’', '         ')""",
    # Two more lexemes that no word can be: @ and the establishment, # and an exact identifier. So one index
    # answers for words, identifiers and establishments at once.
    """CREATE FUNCTION establishment_lexeme(establishment uuid) RETURNS text
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        RETURN '@' || replace(establishment::text, '-', '')""",
    """CREATE FUNCTION identifier_lexeme(identifier text) RETURNS text
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        RETURN '#' || lower(identifier)""",
    """CREATE FUNCTION exactly(lexeme text) RETURNS tsquery
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        RETURN ('''' || replace(replace(lexeme, '\\', '\\\\'), '''', '''''') || '''')::tsquery""",
    # One expression without a sub-select, so that PL/pgSQL starts no query for each unit: half the time. U+0001,
    # which no XML document holds, parts the identifiers.
    r"""CREATE FUNCTION search_vector(
            establishment uuid, title text, description text, terms text[], identifiers text[])
        RETURNS tsvector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
        BEGIN
            RETURN setweight(to_tsvector('data_management.french_words',
                                         data_management.search_words(coalesce(title, ''))), 'A')
                || setweight(to_tsvector('data_management.french_words', data_management.search_words(
                                         array_to_string(terms || identifiers, ' , '))), 'B')
                || setweight(to_tsvector('data_management.french_words',
                                         data_management.search_words(coalesce(description, ''))), 'C')
                || array_to_tsvector(string_to_array(
                       data_management.establishment_lexeme(establishment)
                       || coalesce(E'\x01#' || nullif(lower(array_to_string(identifiers, E'\x01#')), ''), ''),
                       E'\x01'));
        END $$""",
)

SCOPE = (
    """CREATE FUNCTION scope_is_all() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
        RETURN coalesce(current_setting('chartrier.scope', true), '') = '*'""",
    """CREATE FUNCTION scope_list() RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE
        RETURN CASE WHEN coalesce(current_setting('chartrier.scope', true), '') IN ('', '*') THEN '{}'::uuid[]
                    ELSE current_setting('chartrier.scope', true)::uuid[] END""",
)

SCOPED = ("aip", "unit", "unit_child", "object", "unit_object")


def _secure(table: str) -> tuple[str, ...]:
    # Sub-selects, so that the setting is read once a query and not once a row.
    return (
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"""CREATE POLICY within_scope ON {table} USING
            ((SELECT scope_is_all()) OR establishment = ANY ((SELECT scope_list())::uuid[]))""",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO chartrier_data_management",
    )


# Answers one page of keys and the total, counted to 10,001. `rank` is null where the page is newest first:
# relevance is told for 2,000 units or fewer, beyond which sorting everything would cost more than it says.
# `after_rank` and `after_aip`, `after_position` come from the last row of the page before.
SEARCH = r"""
CREATE FUNCTION search_units(
    establishments uuid[], words text, identifier text, wanted_level text, wanted_aip uuid,
    wanted_transfer uuid, wanted_parent uuid, start_from date, end_to date,
    after_rank double precision, after_aip uuid, after_position integer, page integer)
RETURNS TABLE (id uuid, aip_id uuid, "position" integer, rank double precision, total integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = data_management, pg_temp
SET enable_seqscan = off
AS $$
DECLARE
    places uuid[] := establishments;
    spoken tsquery;
    query tsquery;
    conditions text := 'true';
    found_total integer;
BEGIN
    IF NOT scope_is_all() THEN
        places := CASE WHEN places IS NULL THEN scope_list()
                       ELSE ARRAY(SELECT unnest(places) INTERSECT SELECT unnest(scope_list())) END;
    END IF;
    IF cardinality(places) = 0 THEN
        RETURN;
    END IF;

    IF words IS NOT NULL THEN
        spoken := websearch_to_tsquery('french_words', words);
        query := spoken || exactly(identifier_lexeme(words));
    END IF;
    IF identifier IS NOT NULL THEN
        query := coalesce(query && exactly(identifier_lexeme(identifier)),
                          exactly(identifier_lexeme(identifier)));
    END IF;
    -- Beyond some tens of establishments the index is better left to the words alone.
    IF query IS NOT NULL AND cardinality(places) <= 64 THEN
        query := query && (SELECT string_agg('''' || establishment_lexeme(place) || '''', '|')
                           FROM unnest(places) AS place)::tsquery;
    END IF;

    conditions := conditions
        || CASE WHEN query IS NOT NULL THEN ' AND u.tsv @@ $1' ELSE '' END
        || CASE WHEN places IS NOT NULL THEN ' AND u.establishment = ANY ($2)' ELSE '' END
        || CASE WHEN wanted_level IS NOT NULL THEN ' AND u.level = $3' ELSE '' END
        || CASE WHEN wanted_aip IS NOT NULL THEN ' AND u.aip_id = $4' ELSE '' END
        || CASE WHEN wanted_transfer IS NOT NULL
                THEN ' AND u.aip_id IN (SELECT a.aip_id FROM aip a WHERE a.transfer_id = $5)' ELSE '' END
        || CASE WHEN wanted_parent IS NOT NULL
                THEN ' AND u.id IN (SELECT c.unit_id FROM unit_child c WHERE c.parent_id = $6)' ELSE '' END
        || CASE WHEN start_from IS NOT NULL THEN ' AND u.first_day >= $7' ELSE '' END
        || CASE WHEN end_to IS NOT NULL THEN ' AND u.last_day <= $8' ELSE '' END;

    EXECUTE 'SELECT count(*) FROM (SELECT 1 FROM unit u WHERE ' || conditions || ' LIMIT 10001) AS counted'
        INTO found_total
        USING query, places, wanted_level, wanted_aip, wanted_transfer, wanted_parent, start_from, end_to;

    -- A search that began by relevance goes on so, whatever is added meanwhile.
    IF words IS NOT NULL AND (after_rank IS NOT NULL OR (after_aip IS NULL AND found_total <= 2000)) THEN
        RETURN QUERY EXECUTE
            'SELECT r.id, r.aip_id, r.position, r.rank, $13 FROM ('
            'SELECT u.id, u.aip_id, u.position, ts_rank(u.tsv, $14)::double precision AS rank'
            ' FROM unit u WHERE ' || conditions
            || ') AS r WHERE $9 IS NULL OR r.rank < $9 OR (r.rank = $9 AND (r.aip_id < $10'
            ' OR (r.aip_id = $10 AND r.position > $11)))'
            ' ORDER BY r.rank DESC, r.aip_id DESC, r.position LIMIT $12'
            USING query, places, wanted_level, wanted_aip, wanted_transfer, wanted_parent, start_from, end_to,
                  after_rank, after_aip, after_position, page, found_total, spoken;
    ELSE
        RETURN QUERY EXECUTE
            'SELECT u.id, u.aip_id, u.position, NULL::double precision, $12 FROM unit u WHERE ' || conditions
            || CASE WHEN after_aip IS NOT NULL
                    THEN ' AND u.aip_id <= $9 AND (u.aip_id < $9 OR u.position > $10)' ELSE '' END
            || ' ORDER BY u.aip_id DESC, u.position LIMIT $11'
            USING query, places, wanted_level, wanted_aip, wanted_transfer, wanted_parent, start_from, end_to,
                  after_aip, after_position, page, found_total;
    END IF;
END $$
"""

GRANTS = (
    "REVOKE ALL ON FUNCTION search_units FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION search_units TO chartrier_data_management",
)


def upgrade() -> None:
    """Make the tables, the words, the locks and the one way to search."""
    secured = tuple(statement for table in SCOPED for statement in _secure(table))
    plumbing = create_plumbing_v1("data_management")
    for statement in (*plumbing, *WORDS, *TABLES, *SCOPE, *secured, SEARCH, *GRANTS):
        # As the driver's own SQL: a colon in these bodies is no parameter.
        op.get_bind().exec_driver_sql(statement)
