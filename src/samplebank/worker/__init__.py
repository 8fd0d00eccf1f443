"""Analysis workers: take tasks from the service over HTTP, run analysers in the sandbox, bring results back."""
