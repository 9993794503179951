"""What a page is made of, and how it becomes Markdown or one self-contained HTML file. Pure functions, text out."""
