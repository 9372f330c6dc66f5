"""A student's formula, read, judged and diagnosed."""

from microgradcnn.views.answers.answer import Answer

__all__ = ["Answer"]
