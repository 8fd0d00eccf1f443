"""How the connections that a database allows are shared among the processes of a service."""

#: connections of one web process at most, besides the one on which it listens for signals
MOST, LISTENING = 12, 1
#: those of the housekeeper: its pool, the one that holds the election, and the one on which it listens
HOUSEKEEPER_POOL = 6
HOUSEKEEPER = HOUSEKEEPER_POOL + 1 + LISTENING
#: left to others: commands of the operator, pg_dump, autovacuum's guests
RESERVE = 10
#: what a database allows to accounts without special rights
ALLOWED = """
    SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
           - coalesce(current_setting('reserved_connections', true), '0')::int
"""


def wanted(processes: int) -> int:
    """What a service with so many web processes takes at most."""
    return processes * (MOST + LISTENING) + HOUSEKEEPER


def affordable(processes: int, allowed: int) -> int:
    """The same where the database allows only so many, for everybody."""
    return min(wanted(processes), max(1, allowed - RESERVE))


def share(budget: int, processes: int) -> int:
    """How many of the service's `budget` the pool of each web process may take; one at least.

    Where even those are too many, whoever the database refuses waits for a connection that another gives back.
    """
    return min(MOST, max(1, (budget - HOUSEKEEPER) // processes - LISTENING))
