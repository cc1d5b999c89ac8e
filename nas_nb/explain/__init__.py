"""Why: importance of choices, how sure a winner is, explanations of predictions."""
