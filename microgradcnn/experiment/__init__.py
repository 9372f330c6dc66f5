"""From a data set to a trained network or model, measured on rows that training did not see; on disk and back."""

from microgradcnn.experiment.image_model import ImageModel
from microgradcnn.experiment.parameters_file import KIND, load_trained, save_trained
from microgradcnn.experiment.train_and_test import TEST_FRACTION, Experiment, confusion, experiment, fit_scaling
from microgradcnn.experiment.trained import Trained, predict

__all__ = ["KIND", "TEST_FRACTION", "Experiment", "ImageModel", "Trained", "confusion", "experiment"]
__all__ += ["fit_scaling", "load_trained", "predict", "save_trained"]
