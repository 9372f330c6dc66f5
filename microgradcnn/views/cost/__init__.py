"""Operations counted exactly, as polynomials in the sizes, and beside them the time that they take."""

from microgradcnn.views.cost.cost import Amounts, Cost, Part

__all__ = ["Amounts", "Cost", "Part"]
