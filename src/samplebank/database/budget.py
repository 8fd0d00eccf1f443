"""The division of a database's connections among the processes of a service."""

from samplebank.database.connection import Connection

#: the most connections of a web process, and a further connection to listen for signals
MOST, LISTENING = 12, 1
#: connections of the housekeeper: the pool, a connection that holds the election, a connection that listens
HOUSEKEEPER_POOL = 6
HOUSEKEEPER = HOUSEKEEPER_POOL + 1 + LISTENING
#: connections left to others: commands of the operator, pg_dump, autovacuum's guests
RESERVE = 10
#: connections allowed by a database to accounts without special rights, and to the own account
ALLOWED = """
    SELECT least(
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
            - coalesce(current_setting('reserved_connections', true), '0')::int,
        CASE WHEN NOT rolsuper THEN nullif(rolconnlimit, -1) END,
        CASE WHEN NOT rolsuper THEN nullif(datconnlimit, -1) END)
      FROM pg_roles, pg_database WHERE rolname = session_user AND datname = current_database()
"""


async def find_allowed(db: Connection) -> int:
    """The connections that the database allows to everybody together, or to the account of the service where these are fewer."""
    number: int = await db.fetchval(ALLOWED)
    return number


def wanted(processes: int) -> int:
    """The most connections of a service with `processes` web processes."""
    return processes * (MOST + LISTENING) + HOUSEKEEPER


def affordable(processes: int, allowed: int) -> int:
    """As `wanted`, where the database allows `allowed` connections to everybody together."""
    return min(wanted(processes), max(1, allowed - RESERVE))


def share(budget: int, processes: int) -> int:
    """The connections that the pool of each web process may take of the service's `budget`; at least 1.

    Where even 1 is too many, the database refuses. A refused process waits for a connection that another gives back.
    """
    return min(MOST, max(1, (budget - HOUSEKEEPER) // processes - LISTENING))
