"""Migrations and `schema.sql` build the same tables; two processes migrate once; a newer database is left alone."""

from __future__ import annotations

import threading
from pathlib import Path

import psycopg
import pytest

from handfast.store import migrate as module
from handfast.store.migrate import CannotMigrate, is_current, migrate, revision_of, revisions

SCHEMA = Path(module.__file__).with_name("schema.sql")

# Everything of a schema that a statement in schema.sql can set, as text: one line an object, equal when the objects are.
CATALOG = {
    "tables": """
        SELECT c.relname, c.relkind::text, c.relpersistence::text, c.reloptions::text, c.relrowsecurity, obj_description(c.oid, 'pg_class'),
               pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid)
        FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'S', 'v', 'm')""",
    "columns": """
        SELECT c.relname, a.attnum, a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity::text,
               a.attgenerated::text, a.attstorage::text, a.attcompression::text, a.attstattarget, a.attoptions::text,
               (SELECT collname::text FROM pg_collation o WHERE o.oid = a.attcollation), pg_get_expr(d.adbin, d.adrelid)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND a.attnum > 0 AND NOT a.attisdropped""",
    "constraints": """
        SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid), condeferrable, condeferred, convalidated
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    "indexes": """
        SELECT indrelid::regclass::text, indexrelid::regclass::text, pg_get_indexdef(indexrelid), indisvalid
        FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE c.relnamespace = 'public'::regnamespace""",
    "functions": "SELECT proname::text, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'",
    "triggers": "SELECT tgrelid::regclass::text, tgname::text, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "types": """
        SELECT typname::text, typtype::text, (SELECT array_agg(enumlabel::text ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid)
        FROM pg_type t WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd')""",
    "extensions": "SELECT extname::text FROM pg_extension",
}


def catalog(url: str) -> dict[str, set[tuple[object, ...]]]:
    """What the database at `url` is made of, without alembic's own table."""
    with psycopg.connect(url) as conn:
        found = {kind: {tuple(map(str, row)) for row in conn.execute(query)} for kind, query in CATALOG.items()}
    return {kind: {row for row in rows if not row[0].startswith("alembic_version")} for kind, rows in found.items()}


def differences(one: str, other: str) -> list[str]:
    left, right = catalog(one), catalog(other)
    return [
        f"{kind}: {'only the migrations have' if row in right[kind] else 'only schema.sql has'} {row}"
        for kind in CATALOG
        for row in sorted(left[kind] ^ right[kind])
    ]


@pytest.fixture
def schema_url(empty_database: str) -> str:
    """A database built from schema.sql alone."""
    with psycopg.connect(empty_database) as conn:
        conn.execute(SCHEMA.read_text(encoding="utf-8"))
    return empty_database


def test_the_migrations_build_exactly_what_the_schema_says(schema_url: str, database_url: str) -> None:
    """A reader of schema.sql reads the truth. Changed it? Until the first release: change 0001_tables.sql alike; then: add a revision."""
    assert len(catalog(schema_url)["tables"]) > 20
    assert differences(schema_url, database_url) == []


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE stray (id int)",
        "DROP TABLE note",
        "ALTER TABLE note ADD COLUMN stray int",
        "ALTER TABLE rep ALTER COLUMN team DROP DEFAULT",
        "ALTER TABLE rep ALTER COLUMN team SET DEFAULT 'x'",
        "ALTER TABLE rep ALTER COLUMN time_zone DROP NOT NULL",
        "ALTER TABLE absence ALTER COLUMN why TYPE varchar(80)",
        "ALTER TABLE timer ALTER COLUMN state TYPE integer",
        "ALTER TABLE handoff DROP CONSTRAINT handoff_outcome_check",
        "ALTER TABLE rep ALTER CONSTRAINT rep_manager_id_fkey NOT DEFERRABLE",
        "ALTER TABLE handoff RESET (fillfactor)",
        "ALTER TABLE signal ALTER COLUMN properties SET STORAGE external",
        "DROP INDEX handoff_open",
        "DROP INDEX handoff_open; CREATE UNIQUE INDEX handoff_open ON handoff (party, motion)",
        "DROP INDEX timer_due; CREATE INDEX timer_due ON timer (due_at DESC) WHERE state = 0",
        "CREATE FUNCTION stray() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TYPE stray AS ENUM ('a')",
        "CREATE VIEW stray AS SELECT 1",
    ],
)
def test_the_comparison_sees_every_kind_of_difference(schema_url: str, database_url: str, change: str) -> None:
    """The test above can fail: one thing changed on one side is found."""
    with psycopg.connect(database_url) as conn:
        conn.execute(change)
    assert differences(schema_url, database_url) != []


def test_migrating_twice_is_migrating_once(empty_database: str) -> None:
    """The first call tells what it does and does it; the second finds nothing to do, and does not even load alembic."""
    heard: list[str] = []
    assert not is_current(empty_database)
    assert migrate(empty_database, heard.append) is True
    assert migrate(empty_database, heard.append) is False
    assert heard == ["Creating the tables"]
    assert is_current(empty_database)


def test_four_processes_at_once_migrate_once(empty_database: str) -> None:
    """Every process of a cluster calls it at its start: one does the work, the others wait for it."""
    results: list[object] = []

    def run() -> None:
        try:
            results.append(migrate(empty_database))
        except Exception as error:
            results.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, results)) == ["False", "False", "False", "True"]


def test_a_database_of_a_newer_handfast_is_refused(database_url: str) -> None:
    """Going on would write what the newer version does not expect; nothing is changed."""
    with psycopg.connect(database_url) as conn:
        conn.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(CannotMigrate, match="at revision 9999") as refused:
        migrate(database_url)
    assert "newer Handfast" in refused.value.problem.fix
    with psycopg.connect(database_url) as conn:
        assert revision_of(conn) == "9999"


def test_a_migration_that_fails_leaves_nothing(empty_database: str) -> None:
    """All in one transaction: a table in the way, and none of ours is made."""
    with psycopg.connect(empty_database) as conn:
        conn.execute("CREATE TABLE note (somebody_elses int)")
    with pytest.raises(Exception, match="already exists"):
        migrate(empty_database)
    assert {row[0] for row in catalog(empty_database)["tables"]} == {"note"}


def test_the_revisions_are_one_line_without_gaps() -> None:
    """0001, 0002, …: the newest is the last by name, which the quick check relies on; alembic sees the same line."""
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(module.MIGRATIONS))
    by_alembic = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert revisions() == by_alembic[::-1]
    assert revisions() == [f"{number:04}" for number in range(1, len(by_alembic) + 1)]
