"""Trials of the workers on files that public packages ship: findings against labels, mutated files, times."""
