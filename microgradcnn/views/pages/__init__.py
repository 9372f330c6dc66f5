"""Pictures and pages to step through: mg.draw."""
