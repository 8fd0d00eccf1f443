"""The work that the service does by itself: time-outs, leases, retention, classification, events, leftovers."""
