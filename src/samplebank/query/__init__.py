"""The query language of people: a text becomes a tree, and the tree the document of a search. Pure: no database, no HTTP."""
