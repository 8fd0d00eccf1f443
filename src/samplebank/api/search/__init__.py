"""Searches and statistics over samples and submissions."""

from samplebank.api.search import arrivals, lists, queries, reanalysis, samples, statistics, submissions

ROUTES = [
    *samples.ROUTES,
    *submissions.ROUTES,
    *statistics.ROUTES,
    *lists.ROUTES,
    *arrivals.ROUTES,
    *queries.ROUTES,
    *reanalysis.ROUTES,
]
