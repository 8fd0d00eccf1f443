"""Workers, the default policy, its rules, and the plans that come of them."""

from samplebank.api.policy import default, plans, rules, workers

ROUTES = [*workers.ROUTES, *plans.ROUTES, *default.ROUTES, *rules.ROUTES]
