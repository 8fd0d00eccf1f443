"""Opens containers: what is inside becomes samples of its own, or is listed. Runs inside sandbox children only."""
