"""What the tests arrange with: a real service, its users, and verbs that read like the specification."""
