"""Where records are kept: SQL holds the truth, blobs lie by digest."""
