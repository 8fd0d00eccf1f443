"""Derives facts from files: values by which the service finds similar samples."""
