"""Kinds of playbook steps."""
