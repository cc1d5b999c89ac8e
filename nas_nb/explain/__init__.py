"""WHY: importance, (later) ablation, attribution, uncertainty."""
