"""Text encoders: sentence vectors from a transformer, loaded once per process and never in web processes.

``sentence_encoder()`` gives the configured encoder; everything that imports torch or transformers does so inside
functions, so that importing this package costs nothing.
"""

from ml.encoders.sentence import SentenceEncoder, sentence_encoder
from ml.encoders.weights import ModelUnavailable, WeightsMismatch

__all__ = ["ModelUnavailable", "SentenceEncoder", "WeightsMismatch", "sentence_encoder"]
