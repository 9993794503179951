"""What comes in, and what may stay: files and users beside the cycle, what is new since the last one."""
