"""Features: what is known about a subject at a moment, defined once and asked in one way for training and for serving.

A view of one entity is one class in ``<any app>/features/<name>.py``; ``features_as_of`` joins the views. Nothing here
knows a feature of the product.
"""
