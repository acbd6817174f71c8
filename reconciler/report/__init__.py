"""Plans and outcomes for people: text for a terminal, Markdown for a pull request. Renders, never decides."""
