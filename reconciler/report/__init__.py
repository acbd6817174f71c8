"""Plans and outcomes for people: text for a terminal, markdown for a pull request. Renders, never decides."""
