"""Score files of others and of our own, read into sheets that the referee compares."""
