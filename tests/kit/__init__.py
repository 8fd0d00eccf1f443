"""The tools of the tests: a real service, its users, and verbs that read like the specification."""
