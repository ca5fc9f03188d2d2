"""The writers of the model registry: versions, the champion of each task, predictions and labels."""
