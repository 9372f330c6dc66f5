"""A student's formula, read, judged and diagnosed."""
