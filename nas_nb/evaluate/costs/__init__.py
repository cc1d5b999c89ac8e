"""What a model costs, known before it is trained: parameters, multiply-adds and latency."""

from nas_nb.evaluate.costs.flops import flops
from nas_nb.evaluate.costs.latency import latency_s
from nas_nb.evaluate.costs.params import params, without_weights
from nas_nb.evaluate.costs.table import costs

__all__ = ["costs", "flops", "latency_s", "params", "without_weights"]
