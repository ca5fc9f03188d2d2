"""Machine learning: encoders, learners, the registry of models, evaluation. Knows no feature of the product."""
