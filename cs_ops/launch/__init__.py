"""Starting one whole CS Ops on one machine: checks before the start, supervision, and the wait until it is ready.

``manage.py launch`` (``make run``) is the only user. The production profile starts the same programs under systemd
or in containers instead (deploy/, docs/operations/production.md).
"""
