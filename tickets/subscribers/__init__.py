"""What tickets does after an event: route, score, count, notify."""
