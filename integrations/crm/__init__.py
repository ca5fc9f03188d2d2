"""Synchronisation with a customer relationship management system (CRM).

``contract`` says what a system must be able to do, ``systems/`` holds one adapter a file, ``session`` is the one way to ask them,
``ours`` names the fields on this side, ``merge`` decides who wins. The writers are in ``integrations/services/``.
"""
