"""The referee: two sheets of scores in, an honest verdict out; no project is needed."""
