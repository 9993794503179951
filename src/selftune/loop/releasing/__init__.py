"""What serves now, how it began, and a promotion that was not carried out."""
