"""The gateway's side of a trial: who is answered by the candidate, what is watched of it, and how it is sent back."""
