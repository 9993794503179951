"""When there are enough lessons to train on, and where better ones come from."""
