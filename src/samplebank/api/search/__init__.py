"""Searches and statistics over samples and submissions."""

from samplebank.api.search import samples, statistics, submissions

ROUTES = [*samples.ROUTES, *submissions.ROUTES, *statistics.ROUTES]
