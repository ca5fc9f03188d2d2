"""Short forms of the drills in bench/drills: real processes, killed with -9."""
