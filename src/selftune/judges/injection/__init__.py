"""Words in a transcript that are meant for its judge: found, defused, and tested for."""
