"""Rehearses the faults of machines on a service: clients that write down every promise, kills, and the time until the service is whole."""
