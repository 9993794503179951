"""Reports that people like: what a decision, an evaluation or a whole project came to, as Markdown and as one page.

Every number is reckoned from records when the report is made; no text that was stored is printed as a figure.
"""
