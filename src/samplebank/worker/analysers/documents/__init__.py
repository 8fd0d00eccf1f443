"""Reads documents and shortcuts: macros, links to the outside, encryption and metadata. Runs inside sandbox children only."""
