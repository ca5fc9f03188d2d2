"""The demo world: a company with customers, a year of what happened to them, and the known truth behind it.

Everything follows from one seed, the number of accounts and the day it is made for. A latent satisfaction per account and
week drives usage, tickets, moods and churn; it is written to ``var/demo-truth.json``, so that scores can be compared with
what is true. Rows are inserted in bulk and bypass the services, which would take hours for a year; the events they would
have recorded are recorded with them.
"""
