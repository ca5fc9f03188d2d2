"""The live feed: server-sent events that say *what* changed; pages re-read it through their own doors."""
