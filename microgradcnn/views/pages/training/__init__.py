"""A page in which a network trains on its rows: its program as instructions, what it shows, recordings, data sets."""

from microgradcnn.views.pages.training.watching import PageWarning, TrainingPage

__all__ = ["PageWarning", "TrainingPage"]
