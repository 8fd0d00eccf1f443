"""What the hosts of an installation share: the identity of the blob store, and the services at work with their settings."""
