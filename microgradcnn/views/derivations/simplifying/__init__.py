"""What cancels in derivatives: in products of numbers, and number by number in formulas of arrays."""
