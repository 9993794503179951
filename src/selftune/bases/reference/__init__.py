"""The reference base: a tiny language, and a tiny Llama that was trained on it from nothing."""
