"""Backups of the whole installation, and their return: database, stored bytes and the files of the data folder."""
