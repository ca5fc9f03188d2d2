"""Management commands of the roof; the file name is the command."""
