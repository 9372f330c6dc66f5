"""Sheets and marks in the formats of other systems: Moodle, STACK, nbgrader, Canvas."""
