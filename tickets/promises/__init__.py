"""Promises that agents make in answers ("we'll send it by Friday"): reading them, with the day by which.

Rules over phrases, in English and German; ``manage.py evaluate_promises`` measures them. Not to be mixed up with the promises of
an SLA policy, which nobody words.
"""
