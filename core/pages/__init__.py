"""Pages of the ground floor: probes, jobs, dead letters, notifications."""
