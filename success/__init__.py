"""CTAs, playbooks and outreach: what the product does when a customer needs somebody."""
