"""The trial: all built-in workers over the files of public packages, with the findings on labelled and on clean files."""
