"""Finding what says the same: stored vectors, exact search among them, and the mix with what the words alone say.

``ml.services.store_vectors`` writes the vectors, ``index`` holds those of one kind in the process that searches,
``ranking`` scores by words and mixes scores. Only ml workers and commands search; web processes read what was found.
"""

from ml.retrieval.index import MOST_VECTORS, Nearest, VectorIndex, forget_indexes, vector_index

__all__ = ["MOST_VECTORS", "Nearest", "VectorIndex", "forget_indexes", "vector_index"]
