"""Searches and statistics over samples and submissions."""

from samplebank.api.search import lists, reanalysis, samples, statistics, submissions

ROUTES = [*samples.ROUTES, *submissions.ROUTES, *statistics.ROUTES, *lists.ROUTES, *reanalysis.ROUTES]
