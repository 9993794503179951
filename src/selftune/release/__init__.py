"""Release: put a build into service, or take it back."""
