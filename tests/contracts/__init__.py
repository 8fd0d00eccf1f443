"""What the published document promises, held against the contract and against the running service."""
