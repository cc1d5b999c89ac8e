"""Who proposes next: each strategy is a function of the history."""
