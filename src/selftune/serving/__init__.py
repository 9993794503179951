"""Servers that answer as a build and must prove which one."""
