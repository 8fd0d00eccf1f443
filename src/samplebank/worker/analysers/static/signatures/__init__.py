"""Follows the signature of a Windows program to a root certificate, at the time when the program was signed."""
