"""GateBench: nights of known truth, on which rules of promotion are held against each other."""
