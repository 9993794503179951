"""What a candidate is asked beside the suite that decides, against whom, and who grades it."""
