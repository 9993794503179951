"""The formats that people keep conversations in, one module each."""
