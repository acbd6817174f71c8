"""The GitHub Action: its use of GitHub's REST API, and what it writes into pull requests, issues and workflow runs."""
