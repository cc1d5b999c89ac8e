"""WHO proposes next: one strategy a file, a name table, and the one adapter to `kt.Oracle`."""
