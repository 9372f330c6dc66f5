"""What the package asks of Python and of the machine: interrupts, the caller's line, bounded archives."""
