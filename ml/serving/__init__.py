"""The one door through which features ask models: ``door.predict`` always answers, by a model or by the task's own rules.

Used in ml workers and commands; web processes read stored predictions.
"""
