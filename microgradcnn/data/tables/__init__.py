"""What the columns of a table hold besides numbers: text that names categories, and cells without a value."""
