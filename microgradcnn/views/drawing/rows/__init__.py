"""A long layout in rows, read as lines of a text."""
