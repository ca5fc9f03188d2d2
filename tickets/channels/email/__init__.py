"""E-mail channel: raw mail to message and message to raw mail.

Nothing here may import Django at package level: the parsing half runs in a child process of its own
(``parse_child``) that must start fast and know no secret.
"""
