"""Approvals, the circuit breaker, and who may judge whom."""
