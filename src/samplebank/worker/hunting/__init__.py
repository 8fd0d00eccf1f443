"""Hunts: batches of samples are scanned by the rules of a user, with a process of its own for each batch."""
