"""The benchmark suite: starts its own service, measures it, and puts the machine's own limits beside the figures."""
