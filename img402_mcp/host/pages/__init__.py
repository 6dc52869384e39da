"""The page for people, at `/`: one template, one style sheet, one script, no build step."""
