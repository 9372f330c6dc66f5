"""Warnings that are for whoever runs a command, not for whoever wrote the code that warns."""


class Advice(UserWarning):
    """A warning that the command line prints as a sentence, each time it comes."""
