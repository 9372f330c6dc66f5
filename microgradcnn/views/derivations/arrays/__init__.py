"""What derivations over arrays say number by number; and what cancels in products, of numbers too."""
