"""Where a gradient may be wrong: the first number that is not finite, and rules beside finite differences."""
