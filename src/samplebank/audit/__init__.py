"""The ledger: who read, downloaded, changed or deleted what, when, from where, by which key. Entries are only added."""
