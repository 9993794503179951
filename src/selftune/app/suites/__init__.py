"""`selftune suite`: look at suites, lint them, bring them in, grow them and cut screens out of them."""
