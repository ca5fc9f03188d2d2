"""Staff: users, teams, roles, working hours, capacity and API keys; and `Viewer`, who looks or acts."""
