"""Workers, the default policy, the rules, and the plans of jobs."""

from samplebank.api.policy import default, plans, rules, workers

ROUTES = [*workers.ROUTES, *plans.ROUTES, *default.ROUTES, *rules.ROUTES]
