"""The writers of submissions, one use case each."""
