"""Learners that put a text into one of many classes, with calibrated probability, reasons and the option to abstain.

``TextClassifier`` learns from labelled texts; ``ColdStartClassifier`` needs only a description of each class.
"""

from ml.classifiers.beside import TextInput
from ml.classifiers.cold_start import ColdStartClassifier
from ml.classifiers.prediction import Reason, TextEncoder, TextPrediction
from ml.classifiers.text import TextClassifier

__all__ = ["ColdStartClassifier", "Reason", "TextClassifier", "TextEncoder", "TextInput", "TextPrediction"]
