"""Views for people: graphs and their gradients as formulas, steps and pages."""
