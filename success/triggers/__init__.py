"""What can start a playbook."""
