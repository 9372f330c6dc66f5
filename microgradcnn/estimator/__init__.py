"""Multilayer perceptrons as scikit-learn's estimators: they sit in a Pipeline, a GridSearchCV or a cross_val_score.

The arguments and what is known after fit are those of scikit-learn's own MLPClassifier and MLPRegressor where both have
them. This room, and no other, imports scikit-learn when it is imported: what sits in its pipelines has to descend from
its classes.
"""

from microgradcnn.extras import require

require("sklearn", "data", package="scikit-learn", needed_by="microgradcnn.estimator")

from microgradcnn.estimator.classifier import MicrogradClassifier  # noqa: E402
from microgradcnn.estimator.regressor import MicrogradRegressor  # noqa: E402

__all__ = ["MicrogradClassifier", "MicrogradRegressor"]
