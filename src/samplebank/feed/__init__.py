"""The feed as a caller reads the feed: events of rows that the caller may see, and nothing else."""
