"""The main job and its pages: the networks built, differentiated, checked, trained, and told as a lesson."""

from microgradcnn.lesson.run import check_network, ladder, lesson

__all__ = ["check_network", "ladder", "lesson"]
