"""Health on the account page: why the score is what it is, how it went, what drives churn, every signal."""
