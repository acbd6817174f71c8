"""Plans and outcomes as people read them: text for a terminal, markdown for a pull request. Renders, never decides."""
