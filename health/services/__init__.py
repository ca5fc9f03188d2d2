"""Use cases of health: the only writers of snapshots and of the health columns on accounts."""
