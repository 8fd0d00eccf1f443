"""The settings of a new embedded PostgreSQL. The settings of an existing cluster belong to the operator."""

import os

#: connections that the database allows if nobody needs more
CONNECTIONS = 120
CONFIGURATION = f"""
# Written by Samplebank when the database was made; yours to change.
listen_addresses = ''
unix_socket_permissions = 0700
fsync = on
full_page_writes = on
synchronous_commit = on
max_connections = {CONNECTIONS}
shared_buffers = {{buffers}}MB
effective_cache_size = {{cache}}MB
work_mem = 16MB
maintenance_work_mem = 256MB
# after a start, pages that were in memory before are read again in the background
shared_preload_libraries = 'pg_prewarm'
wal_compression = on
max_wal_size = 2GB
checkpoint_timeout = 15min
random_page_cost = 1.1
effective_io_concurrency = 64
autovacuum_vacuum_scale_factor = 0.05
autovacuum_analyze_scale_factor = 0.02
jit = off
max_parallel_workers_per_gather = 2
log_min_duration_statement = 1000
log_line_prefix = '%m [%p] '
"""

#: the buffers of the database: one part in so many of the machine's memory, and the least and most MiB
BUFFERS_SHARE, LEAST_BUFFERS, MOST_BUFFERS = 8, 128, 4096


def configuration() -> str:
    """The lines that a new cluster adds to `postgresql.conf`, by the memory of the machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    buffers = min(max(memory // BUFFERS_SHARE, LEAST_BUFFERS), MOST_BUFFERS)
    return CONFIGURATION.format(buffers=buffers, cache=memory // 2)
