"""What must not reach the disk as it came in: secrets, personal data, names, words without consent."""
