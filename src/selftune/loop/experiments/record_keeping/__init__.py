"""What a try leaves behind for people: its row, its figures beside its adapter, a note, and what it teaches."""
