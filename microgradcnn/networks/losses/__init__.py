"""Networks of losses that somebody else has written: what is what in them, and how they are taken over rows."""
