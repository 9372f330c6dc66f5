"""The main job and its pages: networks built, differentiated, checked, trained, and told as a lesson, or a course."""

from microgradcnn.lesson.course import Course, Ladder
from microgradcnn.lesson.run import check_network, ladder, lesson
from microgradcnn.lesson.words import Words, read_words

__all__ = ["Course", "Ladder", "Words", "check_network", "ladder", "lesson", "read_words"]
