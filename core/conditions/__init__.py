"""The one language of conditions (ADR 0011): what tickets and accounts are chosen by.

``language`` reads conditions, ``kinds`` knows what can be asked of a field, ``form`` draws the builder. Which fields there are
is told by the apps that own the rows.
"""
