"""What the predictor is made of: a model of the scores, and a choice by it."""
