"""The cheapest change that wins: of several builds that may be released, the simplest that is not inferior."""
