"""`selftune benchmark`: several models asked the same, at endpoints of anybody and as our own builds are served."""
