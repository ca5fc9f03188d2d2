"""What comes in from other systems, and the whole installation as a file.

An upload is stored, read into rows in a form of our own (``imports.neutral``), mapped, checked, written, and undone if need be.
Every kind of source is one part in ``imports/importers/``; the writers are the same for all. Imported tickets start nothing: no
automation, message, webhook, routing, survey or promise.
"""
