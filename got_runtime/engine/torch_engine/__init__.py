"""The default engine: continuous batching on the weights of the transformers port."""
