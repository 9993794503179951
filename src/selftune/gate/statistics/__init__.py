"""The arithmetic of comparisons: pure functions, each with the source of its formula."""
