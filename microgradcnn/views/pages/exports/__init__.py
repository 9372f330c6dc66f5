"""Pictures of graphs as files of other programs: films, PDF, LaTeX."""
