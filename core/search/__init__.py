"""The search index: one row of words per indexed text, kept in the transaction of the change it follows.

``words`` cuts texts into words, ``language`` reads what people type, ``documents`` writes rows, ``find`` reads them and
``highlights`` shows why a text was found. Each database has its half: ``sqlite`` (FTS5) and ``postgresql`` (tsvector and
GIN). Which texts of which tables are indexed is said by the apps' ``search_index.py`` (see ``sources``).
"""
