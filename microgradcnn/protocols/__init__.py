"""A Value in other hands: as a plain number, in NumPy's functions, in copies and pickles."""
