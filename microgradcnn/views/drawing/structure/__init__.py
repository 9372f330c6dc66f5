"""What parts of a graph mean to whoever wrote it: variables, layers and neurons, steps of a loop over time."""
