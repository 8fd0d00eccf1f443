"""The schemas of a database. Tables are in `public`, or in the schema that the `search_path` of the service names first.

A database that others share has schemas that the role of the service may not read.
"""

from samplebank.database import Connection

EXTENSION = "pg_trgm"
IS_TABLES = "relname = 'alembic_version' AND relkind = 'r'"
OTHERS = f"""
    SELECT quote_ident(nspname) FROM pg_namespace
     WHERE nspname <> 'information_schema' AND nspname !~ '^pg_'
       AND oid NOT IN (SELECT relnamespace FROM pg_class WHERE oid = 'alembic_version'::regclass)
       AND oid NOT IN (SELECT extnamespace FROM pg_extension WHERE extname = '{EXTENSION}')
"""
ALL = "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_'"
IS_FOUND = "SELECT to_regclass('alembic_version') IS NOT NULL"
LEAD = f"""
    SELECT format('ALTER ROLE CURRENT_USER IN DATABASE %I SET search_path TO %s', current_database(),
                  string_agg(quote_ident(nspname), ', ' ORDER BY place))
      FROM (SELECT oid, min(place) AS place
              FROM (SELECT relnamespace AS oid, 1 AS place FROM pg_class WHERE {IS_TABLES}
                     UNION ALL
                    SELECT extnamespace, 2 FROM pg_extension WHERE extname = '{EXTENSION}') AS found
             GROUP BY oid) AS needed
      JOIN pg_namespace USING (oid)
"""


async def others(db: Connection) -> list[str]:
    """Schemas without tables of the installation, quoted: a backup leaves these schemas out."""
    return [row[0] for row in await db.fetch(OTHERS)]


async def names(db: Connection) -> list[str]:
    return [row[0] for row in await db.fetch(ALL)]


async def lead_to_tables(db: Connection) -> None:
    """Let sessions of the role find restored tables whose schema is not the schema that sessions look into."""
    if not await db.fetchval(IS_FOUND):
        await db.execute(await db.fetchval(LEAD))
