"""The words of the search index, in the way of each database. Needs no right beyond those of the other migrations: without
the right to add pg_trgm, misspelt words are compared by their first letters."""

from django.db import migrations, transaction
from django.db.utils import DatabaseError

POSTGRESQL = """
ALTER TABLE core_searchdocument ADD COLUMN words tsvector NOT NULL DEFAULT ''::tsvector;
CREATE INDEX search_words ON core_searchdocument USING gin (words) WITH (gin_pending_list_limit = 1024);
"""
TRIGRAMS = "CREATE INDEX search_word_trigrams ON core_searchword USING gin (word gin_trgm_ops)"
SQLITE = (
    # The texts come as plain words with spaces between them; to this tokenizer every other letter is part of a word.
    "CREATE VIRTUAL TABLE core_searchtext USING fts5(title, people, files, body, tokenize = 'ascii', prefix = '3')",
    "CREATE VIRTUAL TABLE core_searchvocabulary USING fts5vocab(core_searchtext, 'row')",
    "CREATE TRIGGER core_searchdocument_gone AFTER DELETE ON core_searchdocument"
    " BEGIN DELETE FROM core_searchtext WHERE rowid = old.id; END",
)


def make(apps, schema_editor):
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            for statement in SQLITE:
                cursor.execute(statement)
            return
        cursor.execute(POSTGRESQL)
        try:
            with transaction.atomic(using=connection.alias):
                cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
                cursor.execute(TRIGRAMS)
        except DatabaseError:
            pass  # the right is missing, or the extension


def drop(apps, schema_editor):
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("DROP TRIGGER core_searchdocument_gone")
            cursor.execute("DROP TABLE core_searchvocabulary")
            cursor.execute("DROP TABLE core_searchtext")
            return
        cursor.execute("DROP INDEX IF EXISTS search_word_trigrams")
        cursor.execute("ALTER TABLE core_searchdocument DROP COLUMN words")


class Migration(migrations.Migration):
    dependencies = [("core", "0003_desk")]
    operations = [migrations.RunPython(make, drop)]
