"""One page from its source to its result: planning, preprocessing, decoding, retries, postprocessing."""
