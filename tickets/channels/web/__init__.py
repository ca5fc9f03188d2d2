"""Web forms: what a form asks for, who may send how much, the submissions until they are tickets."""
