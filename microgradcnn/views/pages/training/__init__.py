"""A page in which a network trains on its rows: its program as instructions, what it shows, recordings, data sets."""
