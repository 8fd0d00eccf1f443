"""The benchmark suite: starts and measures a service, and puts the limits of the machine beside the figures."""
