"""Arrays that are images: which of a graph are, through which windows they are computed, and how they are drawn."""
