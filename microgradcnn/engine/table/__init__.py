"""The rest of the table, made with its first part: elementary functions, what goes along axes, images."""
